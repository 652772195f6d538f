"""What documents, keys, reasons and receivers say never becomes a part of a page's code."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

import pytest

from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.definitions import View
from cdc_daemon.dashboard.rendering import Renderer
from cdc_daemon.dashboard.routes import VIEWS
from cdc_daemon.workers import control
from tests.dashboard.conftest import Serve
from tests.support.command import Feed
from tests.support.servers import Server
from tests.support.synced import Synced

HOSTILE = """"><img src=x onerror=alert(1)><script>alert(2)</script>'{{ 7*191 }}${7*191}\u202e</td></table>"""
"""Breaks out of an attribute, an element, a script and a template, and turns the line around."""

ITEMS = "CREATE TABLE item (id text PRIMARY KEY, code text, note text);"


@pytest.fixture(scope="module")
def shop(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """A feed whose key, document, failure, pause and audit hold hostile text."""
    quoted = "'" + HOSTILE.replace("'", "''") + "'"
    feed = Feed("SELECT id, code, note FROM item", ("id",))
    with server.fresh_database() as dsn:
        schema = f"{ITEMS} INSERT INTO item VALUES ({quoted}, {quoted}, {quoted});"
        bed = Synced(tmp_path_factory.mktemp("hostile"), dsn, schema=schema, feeds={"items": feed})
        bed.run_once()
        with bed.session() as session:
            control.pause(session, "file", "items", reason=HOSTILE, web_user=HOSTILE)
            session.execute(
                "UPDATE cdc.sink_state SET failure = %(said)s, failed_at = pg_catalog.now(), attempts = 3",
                {"said": HOSTILE},
            )
            session.execute(
                "UPDATE cdc.feed_state SET stopped_reason = %(said)s, stopped_at = pg_catalog.now()",
                {"said": HOSTILE},
            )
            yield bed


NAMES = {"feed": "items", "sink": "file", "key": json.dumps({"id": HOSTILE})}


def addressed(view: View) -> str:
    parts = {name: NAMES[name] for name in re.findall(r"\{(\w+)", view.path)}
    return html.unescape(str(Renderer(VIEWS, ()).link(view.name, **parts)))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_no_page_takes_a_hostile_text_for_code(serve: Serve, view: View) -> None:
    client = serve(actions=True)
    address = addressed(view)
    page = client.get(address)
    assert page.status_code == 200
    for code in ("<img", "<script>", "1337", "\u202e", "</td></table>"):
        assert code not in page.text, "1337 would be a template made of a value"


@pytest.mark.parametrize(
    "query",
    [{"x": HOSTILE}, {"limit": HOSTILE}, {"act": HOSTILE, "user": HOSTILE, "feed": HOSTILE}],
    ids=list,
)
def test_no_answer_takes_a_hostile_question_for_code(serve: Serve, query: dict[str, str]) -> None:
    client = serve()
    for path in ("/audit", "/", "/nothing", f"/nothing/{HOSTILE.replace('/', '')}"):
        page = client.get(path, params=query).text
        assert "<script>" not in page
        assert "<img" not in page
    assert client.get(f"{PREFIX}/audit", params=query).headers["content-type"] == "application/json"


def test_the_pages_of_this_shop_do_hold_the_hostile_text(serve: Serve) -> None:
    client = serve()
    assert "&lt;script&gt;alert(2)" in client.get("/").text, "what the sink said"
    assert "&lt;script&gt;alert(2)" in client.get("/audit").text
