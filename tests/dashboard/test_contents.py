"""Contents of documents are shown only to those who may see them, masked fields to nobody, on any page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.application import dashboard
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.dashboard.definitions import View
from cdc_daemon.dashboard.rendering import Renderer
from cdc_daemon.dashboard.routes import VIEWS
from cdc_daemon.settings.http import WebSettings
from cdc_daemon.workers import control
from tests.support.command import Feed
from tests.support.servers import Server
from tests.support.synced import Synced

KEY, NAME, PHONE = "keyQ7vZ", "nameQ8wX", "phoneQ9xY"
"""Values of the only document, found nowhere else."""

PARTS = {"feed": "items", "sink": "file", "key": json.dumps({"id": KEY})}


@pytest.fixture(scope="module")
def shop(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """A document with a history, refused by its sink, retried by a person, and failing for its feed."""
    feed = Feed("SELECT id, name, phone FROM item", ("id",))
    schema = (
        "CREATE TABLE item (id text PRIMARY KEY, name text, phone text);"
        f"INSERT INTO item VALUES ('{KEY}', 'before', '{PHONE}');"
    )
    with server.fresh_database() as dsn:
        bed = Synced(tmp_path_factory.mktemp("contents"), dsn, schema=schema, feeds={"items": feed})
        bed.run_once()
        bed.sync(f"UPDATE item SET name = '{NAME}'")
        with bed.session() as session:
            session.execute(
                "INSERT INTO cdc.failed_item (sink, feed, id, key, revision, reason) SELECT"
                " 'file', 'items', 'x'::bytea, pg_catalog.json_build_object('id', f.id), f.revision, 'no'"
                " FROM cdc.feed_items AS f"
            )
            control.retry_failed(session, {"items": ("id",)}, {"id": KEY}, web_user="anna")
        yield bed


def client_of(sources: Sources, user: str, *, mask: tuple[str, ...] = ()) -> TestClient:
    """A browser of a proxy's user: anna may see documents, ben may not."""
    http = WebSettings(proxy_address="10.0.0.7", proxy_documents=("anna",), proxy_actions=("*",))
    log = sources.settings.log.model_copy(update={"mask": mask})
    settings = sources.settings.model_copy(update={"http": http, "log": log})
    return TestClient(
        dashboard(replace(sources, current=lambda: settings)),
        client=("10.0.0.7", 1),
        headers={"X-Forwarded-User": user},
    )


def answers(client: TestClient, view: View) -> Iterator[str]:
    """The page and its twin."""
    parts = {name: PARTS[name] for name in re.findall(r"\{(\w+)", view.path)}
    address = html.unescape(str(Renderer(VIEWS, ()).link(view.name, **parts)))
    for path in (address, PREFIX + address):
        yield client.get(path).text


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_who_may_not_see_documents_finds_nothing_of_one_on_any_page(sources: Sources, view: View) -> None:
    for answer in answers(client_of(sources, "ben"), view):
        for value in (KEY, NAME, PHONE):
            assert value not in answer


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_masked_field_is_shown_to_nobody_on_any_page(sources: Sources, view: View) -> None:
    for answer in answers(client_of(sources, "anna", mask=("phone", "name")), view):
        assert PHONE not in answer
        assert NAME not in answer


def test_who_may_see_documents_finds_them(sources: Sources) -> None:
    client = client_of(sources, "anna")
    shown = {view.name: "".join(answers(client, view)) for view in VIEWS}
    assert all(value in shown["document"] for value in (KEY, NAME, PHONE))
    assert all(KEY in shown[name] for name in ("documents", "failed", "audit"))
