"""Documents on the dashboard: what their pages show, do, and hide."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, unquote

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from cdc_daemon.dashboard.access.address import address_of
from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.definitions import BadQuestion, Forbidden
from cdc_daemon.errors import CdcError, SinkUnavailable
from tests.dashboard.refusing_shop import KEY, READER, XSS, Shop, client, shop

__all__ = ["client", "shop"]


def address(key: str = KEY) -> str:
    return f"/feeds/products/documents/{quote(key, safe='')}"


def test_the_list_links_each_document_and_tells_its_state_at_each_sink(client: TestClient) -> None:
    page = client.get("/feeds/products/documents").text
    assert f'href="{address()}"' in page
    rows = dict(
        re.findall(r'<tr><th scope="row" class="key"><a href="([^"]+)".*?<span class="state \w+">(\w+)', page)
    )
    assert (len(rows), rows[address()], rows[address('{"sku":"sku3"}')]) == (12, "delivered", "parked")


def test_what_others_wrote_is_no_markup_on_any_page(client: TestClient) -> None:
    for path in (
        address(),
        address('{"sku":"sku3"}'),
        "/feeds/products/documents",
        "/failed",
        "/sinks/target",
    ):
        page = client.get(path)
        assert page.status_code == 200, page.text
        assert XSS not in page.text
    assert "&lt;script&gt;alert(1)" in client.get(address()).text


@pytest.mark.parametrize(
    "path", ["/sinks", "/sinks/target", "/failed", "/logs", "/failed?state=parked&words=SCRIPT"]
)
def test_each_page_has_a_twin(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200
    assert client.get(PREFIX + path).json()


def test_a_document_is_shown_as_it_is_spelled_and_folds(client: TestClient) -> None:
    twin = client.get(PREFIX + address()).json()
    assert twin["standing"] == "no-daemon" or twin["standing"] == "delivered"
    assert '"price":1.00' in twin["stored"]["document"].replace(" ", "")
    assert [(each["sink"], each["state"]) for each in twin["sinks"]] == [("target", "delivered")]
    assert [each["what"] for each in twin["timeline"]] == ["new"]
    page = client.get(address()).text
    assert '<span class="number">1.00</span>' in page
    assert page.count("<details open") == 3


@pytest.mark.parametrize("sign", ["?", "#", "%", "a/b", " ", "\u00e9"])
def test_the_stream_of_a_page_is_that_of_its_own_document(client: TestClient, sign: str) -> None:
    key = json.dumps({"sku": f"x{sign}y"}, ensure_ascii=False, separators=(",", ":"))
    page = client.get(address(key)).text
    (live,) = re.findall(r'data-live="([^"]+)"', page)
    assert unquote(html.unescape(live)) == f"/live/feeds/products/documents/{key}"
    (reload,) = re.findall(r'class="reload" href="([^"]+)"', page)
    for each in (page, client.get(html.unescape(reload)).text):
        (title,) = re.findall(r'<h1 class="key">([^<]+)</h1>', each)
        assert html.unescape(title) == key


def test_a_key_that_looks_quoted_keeps_its_own_address() -> None:
    """Not through the test client, which decodes twice."""
    for key in ("x%2Fy", "x%3Fy", "x?y", "x/y", "x#y"):
        path = f"/live/feeds/products/documents/{key}"
        request = Request({"type": "http", "path": path, "query_string": b"a=%3F", "headers": []})
        asked, _, query = address_of(request, below="/live").partition("?")
        assert (unquote(asked), query) == (f"/feeds/products/documents/{key}", "a=%3F")


def test_the_timeline_tells_which_fields_changed(shop: Shop) -> None:
    shop.bed.catch_up("UPDATE product SET name = 'other', mail = 'y' WHERE id = 12")
    found = shop.see("document", feed="products", key='{"sku":"sku12"}')
    assert [(each.what, sorted(each.fields)) for each in found.timeline] == [
        ("changed", ["name", "who"]),
        ("new", []),
    ]
    assert "updated public.product" in found.timeline[0].why


def test_a_document_that_the_query_yields_otherwise_has_its_differences(shop: Shop) -> None:
    shop.bed.execute("UPDATE product SET name = 'unread' WHERE id = 11")
    found = shop.see("document", feed="products", key='{"sku":"sku11"}')
    assert (found.now, [(each.field, each.stored, each.now) for each in found.differences]) == (
        "another",
        [("name", '"name 11"', '"unread"')],
    )
    assert any("unread: 1 changed row of public.product" in each for each in found.waits)
    shop.bed.catch_up()


def test_the_version_that_a_target_has_is_compared_with_the_stored_one(
    shop: Shop, client: TestClient
) -> None:
    """A sink that gets patches: the daemon keeps which version its target has."""
    sink, key = shop.bed.sink, '{"sku":"sku8"}'

    def held() -> list[tuple[bool, list[tuple[str, str | None, str | None]]]]:
        found = shop.see("document", feed="products", key=key).held
        return [
            (each.certain, [(field.field, field.held, field.stored) for field in each.differences])
            for each in found
        ]

    sink.wants_previous = True
    try:
        shop.bed.catch_up("UPDATE product SET name = 'first' WHERE id = 8")
        assert held() == [], "the target has what is stored"
        shop.do("pause_sink", sink="target", reason="a test")
        shop.bed.catch_up("UPDATE product SET name = 'second' WHERE id = 8")
        assert held() == [(True, [("name", '"first"', '"second"')])]
        page = client.get(address(key)).text
        assert "What target has" in page
        assert "<td><code>&#34;first&#34;</code><td><code>&#34;second&#34;</code>" in page
        (masked,) = shop.masking("name").see("document", feed="products", key=key).held
        assert [(each.held, each.stored) for each in masked.differences] == [('"***"', '"***"')]
        shop.do("resume_sink", sink="target")
        sink.is_down = True
        with pytest.raises(SinkUnavailable):
            shop.bed.catch_up()
        assert held() == [(False, [("name", '"first"', '"second"')])], "nobody knows whether it arrived"
    finally:
        sink.wants_previous = sink.is_down = False
        shop.bed.execute("UPDATE cdc.sink_state SET retry_at = now(), leased_until = now()")
        shop.bed.catch_up()
    assert held() == []
    assert "keeps a former version only for a sink that gets patches" in client.get(address(key)).text


@pytest.mark.parametrize("key", ["x", "[]", '{"sku":null}', '{"name":"x"}', "{}", '{"sku":"x","name":"y"}'])
def test_what_is_no_key_is_refused(client: TestClient, key: str) -> None:
    assert client.get(PREFIX + address(key)).status_code == 422


def test_without_the_right_to_documents_no_page_shows_any_part_of_one(shop: Shop) -> None:
    for name, asked in (("documents", {}), ("document", {"key": KEY})):
        with pytest.raises(Forbidden):
            shop.see(name, READER, feed="products", **asked)
    found = shop.see("failed", READER)
    assert (found.items, found.failed_entities) == (None, None)
    assert [(each.status, each.parked, each.number) for each in found.counts] == [
        (None, False, 1),
        (None, True, 1),
    ]
    assert "sku" not in repr(found)
    assert "alert" not in repr(found)
    for words in ({"words": "x"}, {"status": "422"}):
        with pytest.raises(Forbidden):
            shop.see("failed", READER, **words)
    with pytest.raises(Forbidden):
        shop.see("logs", READER, key="sku=sku3")


def test_masked_fields_are_hidden_wherever_a_document_is_shown(shop: Shop) -> None:
    masking = shop.masking("mail", "name")
    shop.bed.execute("UPDATE product SET name = 'secret' WHERE id = 10")
    try:
        found = masking.see("document", feed="products", key='{"sku":"sku10"}')
        assert [(each.stored, each.now) for each in found.differences] == [('"***"', '"***"')]
        assert not re.search("secret|example.com|name 10", repr(found))
        assert not re.search("example.com|name ", repr(masking.see("failed")))
        assert masking.see("documents", feed="products", value="x10@").documents == []
    finally:
        shop.bed.catch_up()


def test_a_masked_key_is_hidden_and_not_linked(shop: Shop) -> None:
    masking = shop.masking("sku")
    found = masking.see("documents", feed="products")
    assert {(each.key, each.address) for each in found.documents} == {('{"sku":"***"}', None)}
    assert "sku1" not in repr(masking.see("failed").items)
    with pytest.raises(BadQuestion, match="masked"):
        masking.see("documents", feed="products", order="key")


def test_an_act_on_a_document_is_done_and_recorded(shop: Shop) -> None:
    key = '{"sku":"sku2"}'
    assert "is what the query yields" in shop.do("verify_document", feed="products", key=key)
    assert shop.last_act() == ("verify", "products", None, "1 documents, 0 differences")
    assert "queued" in shop.do("recompute_document", feed="products", key=key)
    assert shop.last_act()[:2] == ("resync", "products")
    assert "target again" in shop.do("send_document", feed="products", key=key)
    assert shop.last_act() == ("replay", "products", "target", "1 documents")
    before = shop.bed.sink.taken_keys().count(key.encode())
    shop.bed.catch_up()
    assert shop.bed.sink.taken_keys().count(key.encode()) == before + 1
    shop.bed.execute("UPDATE cdc.feed_products SET document = '{}' WHERE sku = 'sku2'")
    assert "is different" in shop.do("verify_document", feed="products", key=key)
    with pytest.raises(CdcError, match="is not stored"):
        shop.do("send_document", feed="products", key='{"sku":"none"}')
