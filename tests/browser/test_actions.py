"""Each action of the route table through its page: its effect in the database, and its line in the audit."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from cdc_daemon.dashboard.routes import ACTIONS
from tests.browser.addresses import key
from tests.browser.browser import Look, Viewer, viewer
from tests.browser.living_shop import HOSTILE, PASSWORDS, LivingShop, living_shop
from tests.support import servers
from tests.support.command import eventually


@pytest.fixture(scope="module")
def acted(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingShop]:
    """A shop of this file's own: actions change it."""
    with server.fresh_database() as dsn, living_shop(tmp_path_factory.mktemp("shop"), dsn) as shop:
        yield shop


@pytest.fixture(scope="module")
def hands(acted: LivingShop) -> Iterator[Viewer]:
    """A browser whose user says yes to each question."""
    with viewer(acted.address, PASSWORDS) as found:
        found.window().on("dialog", lambda dialog: dialog.accept())
        yield found


@contextmanager
def recorded(shop: LivingShop, act: str, **about: str) -> Generator[None]:
    """In the block a person does this; one line of the audit says so."""
    before = shop.value("SELECT coalesce(max(id), 0) FROM cdc.audit")
    yield
    lines = shop.rows("SELECT act, web_user, feed, sink FROM cdc.audit WHERE id > %s", before)
    assert lines == [(act, "operator", about.get("feed"), about.get("sink"))]


def told(page: Page) -> str:
    """What the page says of the action; it must be a success."""
    notice = page.locator("main > .notice")
    assert notice.get_attribute("role") == "status", notice.inner_text()
    return notice.inner_text()


def document(sku: str) -> str:
    return f"/feeds/products/documents/{key(sku=sku)}"


COVERED = {
    *("request_resync", "pause_resync", "resume_resync", "cancel_resync"),
    *("recompute_document", "send_document", "verify_document"),
    *("test_sink", "pause_sink", "resume_sink", "replay_sink"),
    *("retry_items", "discard_items", "retry_entities"),
}
"""What the tests below do: a new action fails here until a test does it."""


def test_every_action_is_done_by_a_test() -> None:
    assert {action.name for action in ACTIONS} == COVERED


def test_a_running_resync_is_paused_resumed_and_cancelled(hands: Viewer, acted: LivingShop) -> None:
    state = (
        "SELECT CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled' WHEN paused_at IS NOT NULL THEN 'paused'"
        " ELSE 'running' END FROM cdc.resync WHERE feed = 'pages' ORDER BY id DESC LIMIT 1"
    )
    acted.keep_resync()
    assert acted.value(state) == "running"
    for button, wanted in (("Pause", "paused"), ("Resume", "running"), ("Cancel", "cancelled")):
        page = hands.open("/feeds/pages")
        with recorded(acted, "resync", feed="pages"):
            page.get_by_role("button", name=f"{button} resync").click()
            assert told(page)
        assert acted.value(state) == wanted


def test_a_resync_of_one_document_is_started(hands: Viewer, acted: LivingShop) -> None:
    page = hands.open("/feeds/brands")
    form = page.locator("form[method=post]", has_text="Start a resync")
    form.get_by_label("Only documents with").fill("id=2")
    with recorded(acted, "resync", feed="brands"):
        form.get_by_role("button", name="Start").click()
        assert "1 entity of brands queued" in told(page)
    acted.await_value(
        "it is finished",
        1,
        "SELECT count(*) FROM cdc.resync WHERE feed = 'brands' AND reason = 'asked for'"
        " AND finished_at IS NOT NULL",
    )


def test_a_document_is_recomputed(hands: Viewer, acted: LivingShop) -> None:
    page = hands.open(document("sku-9"))
    with recorded(acted, "resync", feed="products"):
        page.get_by_role("button", name="Recompute").click()
        assert "queued" in told(page)
    asked = "SELECT count(*) FROM cdc.resync WHERE feed = 'products' AND reason = 'asked for'"
    assert acted.value(asked) == 1


def test_a_document_is_sent_to_one_sink_again(hands: Viewer, acted: LivingShop) -> None:
    before = _times_sent(acted, b'"sku-9"')
    page = hands.open(document("sku-9"))
    with recorded(acted, "replay", feed="products", sink="catalog"):
        page.get_by_role("button", name="Send again to catalog").click()
        assert "catalog" in told(page)
    eventually("it arrives once more", lambda: _times_sent(acted, b'"sku-9"') == before + 1)


def _times_sent(shop: LivingShop, words: bytes) -> int:
    return sum(request.content.count(b'"key":{"sku":' + words) for request in list(shop.catalog.requests))


def test_a_document_is_verified(hands: Viewer, acted: LivingShop) -> None:
    page = hands.open(document("sku-10"))
    with recorded(acted, "verify", feed="products"):
        page.get_by_role("button", name="Verify now").click()
        assert told(page) == "Verified: 1 document is what the query yields now."


def test_a_sink_is_tested(hands: Viewer, acted: LivingShop) -> None:
    page = hands.open("/sinks/archive")
    with recorded(acted, "test", sink="archive"):
        page.get_by_role("button", name="Test the connection").click()
        assert "passed" in told(page)


@pytest.mark.parametrize("look", [Look(), Look(scripts=False)], ids=["scripts", "no scripts"])
def test_a_delivery_is_paused_with_a_reason_and_resumed(hands: Viewer, acted: LivingShop, look: Look) -> None:
    paused = "SELECT reason FROM cdc.delivery_pause WHERE sink = 'catalog' AND feed = 'brands'"
    page = hands.open("/sinks/catalog", look)
    form = page.get_by_role("form", name="Pause")
    form.get_by_label("Feed").select_option("brands")
    form.get_by_label("Reason").fill(HOSTILE)
    with recorded(acted, "pause", feed="brands", sink="catalog"):
        form.get_by_role("button", name="Pause").click()
        assert told(page) == "sink catalog, feed brands is paused."
    assert acted.value(paused) == HOSTILE
    with recorded(acted, "resume", feed="brands", sink="catalog"):
        page.get_by_role("button", name="Resume").click()
        assert "resumed" in told(page)
    assert acted.rows(paused) == []


def test_a_feed_is_delivered_to_a_sink_again(hands: Viewer, acted: LivingShop) -> None:
    def snapshots() -> int:
        return sum(b"snapshot_end" in request.content for request in list(acted.catalog.requests))

    before = snapshots()
    page = hands.open("/sinks/catalog")
    form = page.get_by_role("form", name="Replay")
    form.get_by_label("Feed").select_option("brands")
    with recorded(acted, "replay", feed="brands", sink="catalog"):
        form.get_by_role("button", name="Replay").click()
        assert "again" in told(page)
    eventually("a full snapshot arrives", lambda: snapshots() == before + 1)


def test_a_marked_failed_item_is_retried(hands: Viewer, acted: LivingShop) -> None:
    before = _times_sent(acted, b'"sku-1"')
    page = hands.open("/failed?sink=catalog")
    page.get_by_role("checkbox", name='Mark {"sku": "sku-1"}').check()
    with recorded(acted, "retry"):
        page.get_by_role("button", name="Retry marked").click()
        assert "1" in told(page)
    eventually("the sink is asked again", lambda: _times_sent(acted, b'"sku-1"') > before)


def test_a_marked_failed_item_is_discarded_with_a_reason(hands: Viewer, acted: LivingShop) -> None:
    left = "SELECT count(*) FROM cdc.failed_item WHERE key ->> 'sku' = 'sku-3'"
    assert acted.value(left) == 1
    page = hands.open("/failed")
    page.get_by_role("checkbox", name='Mark {"sku": "sku-3"}').check()
    page.get_by_label("Reason to discard").fill("the catalog refuses it")
    with recorded(acted, "discard"):
        page.get_by_role("button", name="Discard marked").click()
        assert told(page) == "1 failed item is discarded."
    assert acted.value(left) == 0


def test_failed_entities_are_retried(hands: Viewer, acted: LivingShop) -> None:
    attempts = "SELECT attempts FROM cdc.failed_entity WHERE feed = 'products'"
    before = acted.value(attempts)
    page = hands.open("/failed")
    with recorded(acted, "retry", feed="products"):
        page.get_by_role("button", name="Retry the entities of products").click()
        assert "due now" in told(page)
    eventually("the daemon tries again", lambda: acted.value(attempts) != before)
