"""The page of a feed: charts, passes, routes, the query, and resyncs with their actions."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from starlette.testclient import TestClient

from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.insight.activity import RECENT_STEPS, STEPS, read_activity
from cdc_daemon.insight.flow import flow_of
from cdc_daemon.insight.status import read_objects
from cdc_daemon.pg.session import connect
from tests.dashboard.conftest import Serve
from tests.support.command import execute
from tests.support.synced import Synced

ITEMS = "/feeds/items"


@pytest.fixture
def acting(serve: Serve) -> TestClient:
    return serve(actions=True)


@pytest.fixture
def requested(shop: Synced, acting: TestClient) -> Iterator[int]:
    """A resync of all items that waits for a daemon; its number."""
    acting.post(f"{PREFIX}{ITEMS}/resync", json={"force": True})
    yield acting.get(PREFIX + ITEMS).json()["resyncs"][0]["number"]
    shop.run_once()


def posted(client: TestClient, path: str, **fields: str) -> str:
    """Send a form of the page as a browser does; return what the page says then."""
    token = re.search(
        r'name="csrf_token" value="([^"]+)"|name="(\w+)" value="([^"]+)">', client.get(ITEMS).text
    )
    assert token is not None
    name, value = ("csrf_token", token[1]) if token[1] else (token[2], token[3])
    origin = str(client.base_url).rstrip("/")
    headers = {"Origin": origin, "Referer": f"{origin}{ITEMS}"}
    answer = client.post(path, data={name: value, **fields}, headers=headers)
    assert answer.status_code == 303, answer.text
    return str(client.get(answer.headers["location"]).text)


def test_it_shows_state_charts_passes_routes_and_the_query(serve: Serve) -> None:
    page = serve().get(ITEMS).text
    for heading in ("Feed items", "Resyncs", "Last passes", "Routes", "Query", "Drift"):
        assert f">{heading}</h" in page
    for chart in ("captured", "documents", "delivered", "lag", "pass-time", "delivery-lag"):
        assert f'id="chart-{chart}"' in page
    assert 'title="reads public.item: direct; ' in page
    assert "None: every installed object" in page
    assert " style=" not in page


@pytest.mark.parametrize(("span", "steps"), [("1h", 60), ("24h", 144), ("7d", 168)])
def test_its_twin_tells_the_figures_of_each_span(serve: Serve, span: str, steps: int) -> None:
    answer = serve().get(f"{PREFIX}{ITEMS}?span={span}").json()
    history = answer["history"]
    assert (history["span"], history["steps"]) == (span, steps)
    assert sum(sample["changed"] for sample in history["samples"]) == 5
    assert sum(sample["delivered"] for sample in history["deliveries"]["file"]) == 5
    assert answer["feed"]["rows"] == 5
    assert answer["plan"]["occurrences"][0]["routes"][0]["kind"] == "direct"
    assert answer["resyncs"][-1]["reason"] == "first sync"


def test_a_feed_that_is_not_configured_is_not_found(serve: Serve) -> None:
    assert serve().get("/feeds/other").status_code == 404
    assert serve().get(f"{PREFIX}{ITEMS}?span=2h").status_code == 422


def test_a_resync_of_some_documents_is_started_from_the_page(shop: Synced, acting: TestClient) -> None:
    page = posted(acting, f"{ITEMS}/resync", by_key="id=3", force="true")
    assert "1 entity of items queued" in page
    assert shop.value("SELECT count(*) FROM cdc.resync WHERE force AND finished_at IS NULL") == 1
    assert (
        shop.value("SELECT web_user FROM cdc.audit WHERE act = 'resync' ORDER BY id DESC LIMIT 1") == "local"
    )
    before = len(shop.records("items"))
    shop.run_once()
    assert len(shop.records("items")) == before + 1
    assert "no document has id=99" in posted(acting, f"{ITEMS}/resync", by_key="id=99")


@pytest.mark.parametrize(("force", "sent"), [({}, 0), ({"force": "true"}, 5)])
def test_a_resync_of_all_documents_is_started_from_the_page(
    shop: Synced, acting: TestClient, force: dict[str, str], sent: int
) -> None:
    """Documents that did not change are sent only by force."""
    before = len(shop.records("items"))
    assert "5 entities of items queued" in posted(acting, f"{ITEMS}/resync", **force)
    shop.run_once()
    assert len(shop.records("items")) == before + sent


def test_drift_is_what_an_install_would_do(
    shop: Synced, serve: Serve, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources.objects, "_seconds", 0.0)  # instead of a minute
    execute(shop.dsn, "DROP TRIGGER cdc_capture_update ON item")
    try:
        page = serve().get(ITEMS).text
        assert "<code>cdc-daemon install</code> would:" in page
        [drift] = serve().get(PREFIX + ITEMS).json()["drift"]
        assert "public.item" in drift
    finally:
        shop.install()
        shop.run_once()  # the feed notices the new trigger
    assert "None: every installed object" in serve().get(ITEMS).text


def test_the_help_tells_what_each_state_and_each_word_means(serve: Serve) -> None:
    answer = serve().get(f"{PREFIX}/help").json()
    page = serve().get("/help").text
    assert {"feed", "changelog, entry", "revision"} <= {each["word"] for each in answer["words"]}
    assert page.count("<dt>") == len(answer["words"]) + len(answer["states"])
    assert all(each["meaning"] for each in (*answer["words"], *answer["states"]))


def test_a_resync_is_paused_resumed_and_cancelled_from_the_page(
    shop: Synced, acting: TestClient, requested: int
) -> None:
    at = f"{ITEMS}/resyncs/{requested}"
    state = f"SELECT paused_at IS NOT NULL, cancelled_at IS NOT NULL FROM cdc.resync WHERE id = {requested}"

    def states() -> object:
        with psycopg.connect(shop.dsn) as session:
            return session.execute(state.encode()).fetchone()

    assert f"Resync {requested} of items paused: 0 of 5 entities done." in posted(acting, f"{at}/pause")
    assert states() == (True, False)
    assert f'Resume<span class="sr"> resync {requested}' in acting.get(ITEMS).text
    assert "resumed" in posted(acting, f"{at}/resume")
    assert states() == (False, False)
    assert "cancelled" in posted(acting, f"{at}/cancel")
    assert states() == (False, True)
    assert "no requested resync" in posted(acting, f"{at}/cancel")
    acting.cookies.clear()  # as a program, which needs no token
    assert acting.post(f"{PREFIX}{at}/pause", json={}).status_code == 409


def test_who_may_not_act_sees_no_button_and_is_refused(shop: Synced, serve: Serve, requested: int) -> None:
    reading = serve()
    assert '<form method="post"' not in reading.get(ITEMS).text
    for path in (f"{ITEMS}/resync", f"{ITEMS}/resyncs/{requested}/cancel"):
        assert reading.post(PREFIX + path, json={}).status_code == 403
    assert reading.get(f"{ITEMS}/resync").status_code == 403
    assert shop.value(f"SELECT finished_at IS NULL FROM cdc.resync WHERE id = {requested}")


def test_a_dry_run_tells_what_would_differ(shop: Synced, acting: TestClient) -> None:
    execute(shop.dsn, "UPDATE cdc.feed_items SET hash = 'x' WHERE id = 2")
    page = acting.get(f"{ITEMS}/resync?by_key=id%3D2&by_key=").text
    assert "1 document would differ" in page
    assert 'name="by_key" value="id=2"' in page
    told = acting.get(f"{PREFIX}{ITEMS}/resync?sample=100").json()
    assert (told["differ"], told["compared"], told["kinds"]) == (1, 5, {"stale": 1})
    assert acting.get(f"{PREFIX}{ITEMS}/resync?by_key=nonsense").status_code == 422
    acting.cookies.clear()  # as a program, which needs no token
    assert acting.post(f"{PREFIX}{ITEMS}/resync", json={"by_key": ["id=2"]}).status_code == 200
    shop.run_once()
    assert acting.get(f"{PREFIX}{ITEMS}/resync").json()["differ"] == 0


def test_an_estimate_counts_the_documents_and_names_the_sinks(serve: Serve) -> None:
    assert "Estimate of a first sync" in serve().get(f"{ITEMS}/estimate").text
    told = serve().get(f"{PREFIX}{ITEMS}/estimate").json()["estimate"]
    assert (told["documents"], list(told["sinks"])) == (5, ["file"])


def test_the_last_day_of_every_feed_and_sink_is_one_question(shop: Synced) -> None:
    with connect(shop.dsn) as session:
        found = read_activity(session)
        objects = read_objects(session, shop.settings)
    assert len(found.changed["items"]) == STEPS
    assert sum(step or 0 for step in found.changed["items"][-RECENT_STEPS:]) >= 5
    assert found.delivered_recently(sink="file") == found.delivered_recently(feed="items") >= 5
    assert found.delivered_of(sink="other") == [None] * STEPS
    flow = flow_of(shop.read_status().feeds, objects.plans)
    assert [(each.table, each.feed) for each in flow.captures] == [("public.item", "items")]
    assert [(each.feed, each.sink, each.state) for each in flow.deliveries] == [
        ("items", "file", "up to date")
    ]
    assert flow.sinks == {"file": "up to date"}
