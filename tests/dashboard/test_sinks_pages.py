"""Sinks, failed items and logs on the dashboard: what their pages show, do, and hide."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from starlette.testclient import TestClient

from cdc_daemon import log
from cdc_daemon.dashboard.definitions import BadQuestion, NotThere
from cdc_daemon.errors import CdcError, SinkUnavailable
from cdc_daemon.log import RecentLines, get_logger
from cdc_daemon.workers.sampler import Sampler
from cdc_daemon.workers.samples import Delivered, Samples
from cdc_daemon.workers.witness import Witness
from tests.dashboard.conftest import HERE
from tests.dashboard.refusing_shop import READER, XSS, Shop, client, shop

__all__ = ["client", "shop"]


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
