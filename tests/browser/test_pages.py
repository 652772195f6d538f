"""Each page of the route table, in a living shop, as persons look at it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.addresses import addresses, key
from tests.browser.browser import (
    NARROW,
    Look,
    Viewer,
    barriers,
    culprits,
    focus_is_visible,
    focused,
    overflow,
    path_of,
    repeated_ids,
)
from tests.browser.living_shop import SECRET, STATES, LivingShop

EACH = pytest.mark.parametrize("address", [address for _, address in addresses()])

LIGHT, DARK, TELEPHONE, PLAIN = Look(), Look("dark"), Look(width=NARROW), Look(scripts=False)

_MOST_STOPS = 12
"""How many stops of the Tab key are looked at on a page: the frame, and the first of its own."""


def test_the_shop_has_one_of_each_trouble(shop: LivingShop) -> None:
    status = shop.read_status()
    assert {feed.feed: feed.state for feed in status.feeds} == STATES
    sinks = {(feed.feed, sink.sink): sink for feed in status.feeds for sink in feed.sinks}
    assert sinks["products", "catalog"].parked == 3
    assert sinks["products", "warehouse"].failure
    assert sinks["products", "archive"].paused


@EACH
def test_a_page_is_sound(shown: Viewer, shop: LivingShop, address: str) -> None:
    """No fault of a script, no request to another host, no markup from names; no barrier, in both themes.

    The daemon logs no warning but those about the shop's troubles.
    """
    for look in (LIGHT, DARK):
        page = shown.open(address, look)
        assert barriers(page) == [], look
        assert repeated_ids(page) == []
        assert page.locator("h1").count() == 1
        assert page.evaluate("typeof hacked") == "undefined", "a name or an answer runs as a script"
        assert SECRET not in page.content()
        assert page.locator("[src=x], i:text-is('label'), b:text-is('shelf')").count() == 0
        noted = shown.noted(look)
        assert noted.foreign == []
        assert noted.faults == []
    assert shop.other_faults() == []


@EACH
def test_a_page_fits_a_telephone(shown: Viewer, address: str) -> None:
    page = shown.open(address, TELEPHONE)
    assert overflow(page) <= 0, culprits(page)
    assert barriers(page) == [], "targets of a finger, for example"


@EACH
def test_a_page_can_be_read_without_scripts(shown: Viewer, address: str) -> None:
    page = shown.open(address, LIGHT)
    with_scripts = _headings(page)
    plain = shown.open(address, PLAIN)
    assert _headings(plain) == with_scripts
    assert plain.locator("a:text-is('Reload')").is_visible(), "a page that is not live can be loaded again"


def _headings(page: Page) -> list[str]:
    """What a page is made of: its headings, and the heads of its rows and columns, also of what is folded."""
    return [text.strip() for text in page.locator("main :is(h1, h2, h3, th)").all_text_contents()]


@EACH
def test_a_page_is_used_by_keyboard(shown: Viewer, address: str) -> None:
    page = shown.open(address, LIGHT)
    page.keyboard.press("Tab")
    assert focused(page).startswith("a Skip"), "the way past the menu comes first"
    seen = [focused(page)]
    for _ in range(_MOST_STOPS):
        assert focus_is_visible(page), seen
        page.keyboard.press("Tab")
        if not focused(page):
            break  # behind the last stop
        seen.append(focused(page))
    assert len(seen) > 2
    page.locator("a:has-text('Skip')").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "MAIN"


def test_the_overview_tells_what_the_database_holds(shown: Viewer, shop: LivingShop) -> None:
    page = shown.open("/", LIGHT)
    rows = page.locator("#feeds tbody tr").all()
    told = {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows}
    stored = shop.rows("SELECT feed, documents FROM cdc.feed_state")
    documents = {feed: str(count) for feed, count in stored}
    states = {feed.feed: feed.state for feed in shop.read_status().feeds}
    assert told.keys() == shop.feeds.keys()
    for feed, cells in told.items():
        assert (cells[0], cells[2]) == (states[feed], documents[feed]), feed
    attention = page.inner_text("#health")
    for words in ("listings is stopped", "1 entity failed", "3 failed items", "warehouse", "paused"):
        assert words in attention


def test_what_needs_attention_has_its_remedy_and_leads_there(shown: Viewer) -> None:
    page = shown.open("/", LIGHT)
    findings = page.locator("#health .attention > li").all()
    assert len(findings) >= 5, "the shop's troubles"
    for each in findings:
        assert each.locator(".hint").inner_text()
        assert each.locator(".places a").count() > 0
    page.locator("#health li", has_text="3 failed items").get_by_role("link", name="what failed").click()
    assert path_of(page) == "/failed"
    assert page.locator("input[name=items]").count() == 3, "those of this sink and feed"


def test_documents_are_found_by_key_by_a_value_and_by_their_state_at_a_sink(shown: Viewer) -> None:
    page = shown.open("/feeds/products/documents", LIGHT)
    keys = page.locator("tbody th")
    page.get_by_label("Key", exact=True).fill("sku-77")
    page.get_by_role("button", name="Find").click()
    assert "sku-77" in page.inner_text("main")
    shown.open("/feeds/products/documents", LIGHT)
    page.get_by_label("Value, or a part of it").fill("person42@")
    page.get_by_label("Only in the field").fill("email")
    page.get_by_role("button", name="Search").click()
    assert keys.all_inner_texts() == ['{"sku":"sku-42"}']
    shown.open("/feeds/products/documents", LIGHT)
    page.locator("select[name=sink]").select_option("catalog")
    page.locator("select[name=state]").select_option("parked")
    page.get_by_role("button", name="Show").click()
    assert sorted(keys.all_inner_texts()) == [f'{{"sku":"sku-{n}"}}' for n in (1, 2, 3)]


def test_a_document_is_folded_and_copied(shown: Viewer, shop: LivingShop) -> None:
    page = shown.open(f"/feeds/products/documents/{key(sku='sku-7')}", LIGHT)
    inner = page.locator("#document-tree details details")
    assert inner.count() == inner.locator("xpath=self::*[@open]").count() > 0
    page.get_by_role("button", name="Fold").click()
    expect(page.get_by_role("button", name="Unfold")).to_be_visible()
    assert inner.locator("xpath=self::*[@open]").count() == 0
    stored = shop.value("SELECT document::text FROM cdc.feed_products WHERE sku = 'sku-7'")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for plain in (False, True):
        if plain:  # as over HTTP, where scripts have no clipboard
            page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()
        if not plain:
            assert page.evaluate("navigator.clipboard.readText()") == stored
            page.evaluate("navigator.clipboard.writeText('')")
    shown.open("/help", LIGHT)
    assert page.evaluate("navigator.clipboard.readText()") == stored


def test_the_configuration_is_that_in_force_without_its_secrets(shown: Viewer) -> None:
    text = shown.open("/configuration", LIGHT).inner_text("main")
    assert "batch_entities" in text
    assert "***" in text


def test_documents_are_listed_and_shown_as_they_are_stored(shown: Viewer, shop: LivingShop) -> None:
    page = shown.open("/feeds/products/documents", LIGHT)
    latest = shop.rows("SELECT sku FROM cdc.feed_products ORDER BY revision DESC LIMIT 5")
    assert page.locator("tbody th").all_inner_texts()[:5] == [f'{{"sku":"{sku}"}}' for (sku,) in latest]
    # The newest whose signs are all shown as they are: an old one may be on a later page.
    ((sku, stored),) = shop.rows(
        "SELECT sku, document::text FROM cdc.feed_products WHERE document::text NOT LIKE %s"
        " ORDER BY revision DESC LIMIT 1",
        "%hacked%",
    )
    page.get_by_role("link", name=f'{{"sku":"{sku}"}}').click()
    assert page.text_content("#document-text") == stored


def test_an_open_page_follows_a_change(shown: Viewer, shop: LivingShop) -> None:
    """Without a reload; what a person folded stays so."""
    page = shown.open(f"/feeds/brands/documents/{key(id=3)}", LIGHT)
    assert "Brand 3" in page.inner_text("main")
    page.evaluate("window.notReloaded = true")
    shop.execute("UPDATE brand SET name = 'Another name' WHERE id = 3")
    page.get_by_text("Another name").first.wait_for()
    assert page.evaluate("window.notReloaded") is True


def test_the_flow_has_the_colours_of_the_states_and_live_rates(shown: Viewer, shop: LivingShop) -> None:
    shop.keep_resync()
    page = shown.open("/", LIGHT)
    expect(page.locator('.flow [data-node="feed:pages"]').first).to_have_class(re.compile(r"\bbusy\b"))

    def tone(selector: str) -> str:
        return page.locator(f".flow {selector}").first.get_attribute("class") or ""

    for selector, wanted in (
        ('[data-node="feed:listings"]', "bad"),
        ('[data-node="feed:pages"]', "busy"),
        ('[data-node="feed:brands"]', "good"),
        ('[data-node="sink:warehouse"]', "bad"),
        ('[data-node="sink:archive"]', "held"),
        ('[data-from="products"][data-to="warehouse"]', "bad"),
        ('[data-from="products"][data-to="archive"]', "held"),
        ('[data-from="brands"][data-to="catalog"]', "good"),
    ):
        assert wanted in tone(selector).split(), selector
    shop.execute("UPDATE brand SET name = name || '.' WHERE id = 5")
    line = page.locator('.flow [data-from="brands"][data-to="catalog"].flowing')
    expect(line).to_have_count(1, timeout=40_000)
    expect(line.locator("title")).to_have_text(re.compile(r"brands to catalog: .*\d/s"))
    expect(page.locator(".flow .rate", has_text=re.compile(r"\d/s")).first).to_be_visible()
