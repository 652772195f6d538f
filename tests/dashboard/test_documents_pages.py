"""Documents, sinks, failed items and logs on the dashboard: what each page shows, does, and hides."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import quote, unquote

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from cdc_daemon import log
from cdc_daemon.dashboard.access.address import address_of
from cdc_daemon.dashboard.access.viewer import Right, Viewer
from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.application import dashboard
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.dashboard.definitions import BadQuestion, Forbidden, NotThere
from cdc_daemon.dashboard.routes import ACTIONS, VIEWS
from cdc_daemon.errors import CdcError, SinkUnavailable
from cdc_daemon.insight.audit import read_acts
from cdc_daemon.log import RecentLines, get_logger
from cdc_daemon.workers.sampler import Sampler
from cdc_daemon.workers.samples import Delivered, Samples
from cdc_daemon.workers.witness import Witness
from tests.dashboard.conftest import HERE, sources_of
from tests.support.command import execute
from tests.support.delivering import Delivering, close_pools, installed
from tests.support.servers import Server

QUERY = (
    "SELECT id, sku, name, 1.00 AS price,"
    " json_build_object('mail', mail, 'tags', json_build_array(id)) AS who"
    " FROM product"
)
KEY = '{"sku":"a/b \\"?#1"}'
"""The key of the first document has all that an address may stumble over."""
XSS = "<script>alert(1)</script>"
READER = Viewer("rita")
CLERK = Viewer("carl", frozenset({Right.DOCUMENTS}))
ADA = Viewer("ada", frozenset({Right.DOCUMENTS, Right.ACTIONS}))


class Shop:
    """Twelve documents; the sink parks sku3, and refuses sku4."""

    def __init__(self, bed: Delivering, **log_settings: Any) -> None:
        self.bed = bed
        settings = bed.settings
        self.settings = settings.model_copy(update={"log": settings.log.model_copy(update=log_settings)})
        self.sources: Sources = sources_of(self.settings, bed.session)

    def masking(self, *names: str) -> Shop:
        """The same shop with masked fields."""
        return Shop(self.bed, mask=names)

    def see(self, name: str, viewer: Viewer = ADA, /, **asked: object) -> Any:
        """The answer of a view."""
        view = next(each for each in VIEWS if each.name == name)
        return self.sources.read(view, viewer, asked)[1]

    def do(self, name: str, viewer: Viewer = ADA, /, **asked: object) -> str:
        """Do an action; what it tells."""
        action = next(each for each in ACTIONS if each.name == name)
        return self.sources.perform(action, viewer, asked).told

    def last_act(self) -> tuple[str, str | None, str | None, str]:
        with self.bed.session() as session:
            (act,) = read_acts(session, user="ada", limit=1)
        return act.act, act.feed, act.sink, act.outcome


@pytest.fixture(scope="module")
def shop(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with server.fresh_database() as dsn:
        execute(
            dsn,
            "CREATE TABLE product (id int PRIMARY KEY, sku text NOT NULL UNIQUE, name text, mail text)",
            "INSERT INTO product SELECT n, 'sku' || n, 'name ' || n, 'x' || n || '@example.com'"
            " FROM generate_series(1, 12) AS n",
            "UPDATE product SET sku = 'a/b \"?#1', name = '" + XSS + "' WHERE id = 1",
        )
        bed = installed(dsn, tmp_path_factory.mktemp("shop"), QUERY, history=True)
        bed.sink.refused = {"sku3", "sku4"}
        bed.catch_up()
        bed.execute(
            "UPDATE cdc.failed_item SET reason = '" + XSS + "', next_attempt_at ="
            " CASE WHEN key ->> 'sku' = 'sku4' THEN now() + interval '1 h' END"
        )
        yield Shop(bed)
        close_pools()


@pytest.fixture
def client(shop: Shop) -> Iterator[TestClient]:
    """A browser of a person with every right."""
    http = shop.settings.http.model_copy(update={"actions": True})
    sources = sources_of(shop.settings.model_copy(update={"http": http}), shop.bed.session)
    found = TestClient(dashboard(sources), base_url=HERE, client=("127.0.0.1", 5), follow_redirects=False)
    yield found
    found.close()


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


def test_failed_items_are_retried_and_discarded_by_marks_or_by_what_they_are(shop: Shop) -> None:
    def skus() -> list[str]:
        return sorted(each.key for each in shop.see("failed").items)

    both = ['{"sku": "sku3"}', '{"sku": "sku4"}']
    assert skus() == both
    (parked,) = shop.see("failed", state="parked").items
    assert (parked.status, parked.reason, parked.next_attempt_at) == ("422", XSS, None)
    assert '"name 3"' in parked.document
    assert shop.do("retry_items", items=[parked.id]).startswith("1 failed item is")
    assert shop.last_act() == ("retry", "products", None, "1 items")
    assert shop.see("failed", state="parked").items == []
    with pytest.raises(BadQuestion, match="no item is marked"):
        shop.do("retry_items", feed="products")
    with pytest.raises(BadQuestion, match="no failed item"):
        shop.do("retry_items", items=["x"])
    with pytest.raises(BadQuestion, match="reason"):
        shop.do("discard_items", every=True)
    assert skus() == both
    assert shop.do("discard_items", every=True, status="422", feed="products", reason="never").startswith(
        "2 failed"
    )
    assert shop.last_act()[:3] == ("discard", "products", None)
    assert skus() == []


def test_a_sink_is_paused_with_a_reason_resumed_and_replayed(shop: Shop) -> None:
    shop.do("pause_sink", sink="target", reason="moves house")
    assert shop.last_act() == ("pause", None, "target", "done")
    (delivery,) = shop.see("sink", READER, sink="target").deliveries
    assert (delivery.state, [each.reason for each in delivery.pauses]) == ("paused", ["moves house"])
    (line,) = shop.see("sinks", READER).sinks
    assert (line.state, line.failed_items) == ("paused", 0)
    with pytest.raises(CdcError, match="not paused by itself"):
        shop.do("resume_sink", sink="target", feed="products")
    shop.do("resume_sink", sink="target")
    shop.do("replay_sink", sink="target", feed="products", since="2026-01-01T00:00")
    assert shop.last_act() == ("replay", "products", "target", "done")
    assert shop.see("sink", sink="target").deliveries[0].state == "waiting"
    shop.bed.catch_up()
    assert shop.see("sink", sink="target").deliveries[0].state == "up to date"
    with pytest.raises(NotThere):
        shop.do("pause_sink", sink="nowhere", reason="x")


def test_a_sink_that_takes_nothing_tells_why_and_when_it_is_tried_again(shop: Shop) -> None:
    shop.bed.sink.is_down = True
    try:
        with pytest.raises(SinkUnavailable):
            shop.bed.catch_up("UPDATE product SET name = name || '!' WHERE id = 5")
        (found,) = shop.see("sink", READER, sink="target").deliveries
        assert (found.state, found.undelivered, found.attempts) == ("failing", 1, 1)
        assert "is down" in found.failure
        assert found.retry_at > found.failing_since
    finally:
        shop.bed.sink.is_down = False
        shop.bed.execute("UPDATE cdc.sink_state SET retry_at = now(), leased_until = now()")
        shop.bed.catch_up()


def test_a_page_of_records_is_in_flight_while_the_sink_works_on_it(shop: Shop, client: TestClient) -> None:
    shown: list[str] = []
    during: list[Any] = []

    def look() -> None:
        during.append(shop.see("sink", READER, sink="target").deliveries[0])
        shown.append(client.get("/sinks/target").text)

    shop.bed.sink.during = look
    try:
        shop.bed.make_due()
        shop.bed.catch_up("UPDATE product SET name = name || '?' WHERE id = 6")
    finally:
        shop.bed.sink.during = lambda: None
    assert [(each.state, each.in_flight, each.undelivered) for each in during] == [
        ("delivering", True, 1),
        ("up to date", True, 0),
    ], "first a page with the document, then an item that is tried again"
    assert during[0].lease_of is not None
    assert "<dt>In flight<dd>a page may be on its way" in shown[0]
    (after,) = shop.see("sink", READER, sink="target").deliveries
    assert (after.state, after.in_flight, after.undelivered) == ("up to date", False, 0)
    assert "<dt>In flight<dd>nothing" in client.get("/sinks/target").text


def test_a_form_of_the_page_pauses_the_sink(client: TestClient, shop: Shop) -> None:
    page = client.get("/sinks/target").text
    token = re.search(r'name="(\w+)" value="([^"]{20,})"', page)
    assert token
    headers = {"origin": HERE, "referer": f"{HERE}/sinks/target"}
    answer = client.post(
        "/sinks/target/pause", data={token[1]: token[2], "reason": "by a form", "feed": ""}, headers=headers
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/sinks/target")
    assert "by a form" in client.get("/sinks/target").text
    shop.do("resume_sink", sink="target")


@contextmanager
def logging() -> Iterator[None]:
    """This process keeps its newest events, as a daemon does."""
    log.configure("info", "json", io.StringIO(), recent=RecentLines())
    try:
        yield
    finally:
        log.configure()


def test_the_log_of_the_daemon_is_shown_with_the_filters_of_the_command(shop: Shop) -> None:
    with logging():
        logger = get_logger()
        logger.warning(
            "record_refused",
            sink="target",
            feed="products",
            key={"sku": "sku3"},
            revision=7,
            reason="no " + XSS,
        )
        logger.info("sink_recovered", sink="target", feed="products")
        found = shop.see("logs")
        assert (found.source, [each.event for each in found.lines]) == (
            "process",
            ["sink_recovered", "record_refused"],
        )
        assert found.lines[1].fields["key"] == '{"sku":"sku3"}'
        assert shop.masking("sku").see("logs").lines[1].fields["key"] == '{"sku":"***"}'
        for asked in ({"level": "warning"}, {"key": "sku=sku3"}, {"event": "record_refused", "since": "1h"}):
            assert [each.event for each in shop.see("logs", **asked).lines] == ["record_refused"]
        assert shop.see("logs", feed="another").lines == []
        (line,) = shop.see("logs", READER, level="warning").lines
        assert (line.fields, line.hidden) == ({"sink": "target", "feed": "products", "revision": "7"}, 2)
        with pytest.raises(BadQuestion):
            shop.see("logs", event="nothing")


def test_the_memory_of_the_log_is_bounded() -> None:
    lines = RecentLines(most_lines=3, most_bytes=10)
    for line in (b"a" * 4, b"b" * 4, b"c" * 4):
        lines.add(line)
    assert (lines.lines(), lines.dropped) == ([b"b" * 4, b"c" * 4], 1)
    lines.add(b"d" * 100)
    assert (lines.lines(), lines.dropped) == ([b"d" * 100], 3)


def test_without_a_daemon_and_a_journal_the_page_says_where_the_log_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    found = shop.see("logs", READER)
    assert (found.source, found.lines) == ("none", [])
    assert "journalctl can't be run" in found.failure


def test_failed_entities_are_counted_for_everybody_and_shown_with_the_right(shop: Shop) -> None:
    shop.bed.execute(
        "INSERT INTO cdc.failed_entity (feed, id, entity, status, reason)"
        " SELECT 'products', sha256(n::text::bytea), ARRAY[n::text], '22012', 'division by zero'"
        " FROM generate_series(100, 199) AS n"
    )
    assert shop.see("failed", READER).entities == {"products": 100}
    found = shop.see("failed")
    assert (found.entities, len(found.failed_entities)) == ({"products": 100}, 50)
    assert shop.masking("id").see("failed").failed_entities[0].entity == {"id": "***"}
    assert "100 entities" in shop.do("retry_entities", feed="products")
    shop.bed.execute("DELETE FROM cdc.failed_entity")


def test_a_sink_tells_the_kinds_of_its_failures_and_the_sizes_of_its_batches(shop: Shop) -> None:
    samples = Samples()
    for kind in ("unreachable", "unreachable", "pushback"):
        samples.add_failure("target", "products", kind)
    samples.add_page(Delivered("target", "products", 30, 3000, 0.04, 1, 30))
    samples.add_page(Delivered("target", "products", 10, 1000, 0.04, 31, 40))
    with shop.bed.session() as session:
        here = nullcontext(session)
        Sampler(lambda: here, samples, Witness(None)).store()
        samples.add_failure("target", "products", "pushback")
        Sampler(lambda: here, samples, Witness(None)).store()
    (found,) = shop.see("sink", READER, sink="target").deliveries
    assert (found.failures, found.kinds) == (4, {"unreachable": 2, "pushback": 2})
    assert (found.batches, found.batch_records, found.batch_bytes, found.send_p50) == (2, 20, 2000, 0.05)
