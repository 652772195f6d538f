"""Pages, their live fragments and their JSON twins, each entry of the route table."""

from __future__ import annotations

import json
import re

import pytest

from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.definitions import View
from cdc_daemon.dashboard.routes import ACTIONS, VIEWS
from tests.dashboard.conftest import Serve

PLAIN = [view for view in VIEWS if "{" not in view.path]


@pytest.mark.parametrize("view", PLAIN, ids=lambda view: view.name)
def test_a_page_and_its_twin_tell_the_same(serve: Serve, view: View) -> None:
    client = serve()
    page = client.get(view.path)
    assert page.status_code == 200
    assert f"<title>{view.title} · cdc-daemon</title>" in page.text
    twin = client.get(PREFIX + view.path)
    assert (twin.status_code, twin.headers["content-type"]) == (200, "application/json")
    assert twin.json()


def test_the_overview_shows_each_feed_with_its_state(serve: Serve) -> None:
    page = serve().get("/").text
    assert re.search(r'<th scope="row">\s*(<a [^>]*>)?items', page)
    assert "not followed" in page


def test_an_open_page_gets_the_fragments_that_changed(serve: Serve) -> None:
    client = serve()
    with client.stream("GET", "/live/") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        wanted = {"health", "picture", "feeds", "deliveries"}
        assert {next(events)["id"] for _ in wanted} == wanted


def test_every_address_is_described_in_the_open_api_document(serve: Serve) -> None:
    described = serve().get(f"{PREFIX}/openapi.json").json()
    found = {(method, path) for path, methods in described["paths"].items() for method in methods}
    plain = re.compile(r":\w+\}")
    wanted = {("get", PREFIX + plain.sub("}", view.path)) for view in VIEWS}
    wanted |= {("post", PREFIX + plain.sub("}", action.path)) for action in ACTIONS}
    assert found == wanted


def test_an_unknown_value_is_refused_and_named(serve: Serve) -> None:
    answer = serve().get(f"{PREFIX}/?fedd=items")
    assert answer.status_code == 422
    assert answer.json()["error"]["where"] == "fedd"


def test_what_does_not_exist_is_told_in_the_form_that_was_asked_for(serve: Serve) -> None:
    client = serve()
    page, twin = client.get("/nothing"), client.get(f"{PREFIX}/nothing")
    assert (page.status_code, twin.status_code) == (404, 404)
    assert "there is no such page" in page.text
    assert twin.json()["error"]["where"] == f"{PREFIX}/nothing"
