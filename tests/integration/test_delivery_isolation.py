"""What is bad keeps nothing back but itself: a document, a sink, a feed; and a page is bounded."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from psycopg import sql

from cdc_daemon.errors import SinkUnavailable, TargetFault
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.pg.statements import statement
from cdc_daemon.service import Service
from cdc_daemon.settings import load
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Refusal
from cdc_daemon.workers import delivery
from cdc_daemon.workers.installation import install
from cdc_daemon.workers.planning import plan_feed
from tests.conftest import Connect
from tests.support.command import eventually
from tests.support.delivering import Delivering, SelectiveSink, closed_later, installed
from tests.support.products import products

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LONGEST_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("fault", ["breaks", "bug"])
def test_a_document_at_which_the_sink_always_fails_keeps_no_other_back(
    delivering: Delivering, fault: str
) -> None:
    setattr(delivering.sink, fault, {"sku7", "sku8", "sku40"})
    delivering.feed.catch_up(threading.Event())
    delivering.deliver(patience_seconds=20)
    assert len(set(delivering.sink.taken_keys())) == 47
    assert delivering.failed("key ->> 'sku', status") == [
        ("sku40", "unavailable"),
        ("sku7", "unavailable"),
        ("sku8", "unavailable"),
    ]
    setattr(delivering.sink, fault, set())
    delivering.make_due()
    delivering.deliver()
    assert (len(set(delivering.sink.taken_keys())), delivering.failed()) == (50, [])


def test_it_is_found_also_where_it_fills_a_page_alone(delivering: Delivering) -> None:
    delivering.sink.breaks = {"sku7"}
    delivering.sink.batch_records = 1
    delivering.feed.catch_up(threading.Event())
    delivering.deliver(patience_seconds=20)
    assert len(delivering.sink.taken) == 49
    assert delivering.failed("key ->> 'sku'") == [("sku7",)]


def test_no_document_is_blamed_for_a_sink_that_is_down(delivering: Delivering) -> None:
    delivering.sink.is_down = True
    delivering.feed.catch_up(threading.Event())
    with pytest.raises(SinkUnavailable):
        delivering.deliver(patience_seconds=0.5)
    assert delivering.failed() == []
    # After some failures the documents stay at home: an empty batch tells as much.
    assert delivering.sink.calls[0] != []
    assert delivering.sink.calls[-1] == []


def test_no_document_is_blamed_where_a_sink_takes_nothing_but_an_empty_batch(
    delivering: Delivering,
) -> None:
    delivering.sink.breaks = {f"sku{n}" for n in range(1, 51)}
    delivering.feed.catch_up(threading.Event())
    for worker in [delivering.worker()] * 6:
        with pytest.raises(SinkUnavailable):
            worker.catch_up(delivering.stop, patience_seconds=0)
    assert delivering.sink.calls.count([]) == 3
    assert delivering.failed() == []
    delivering.sink.breaks = set()
    delivering.deliver()
    assert len(set(delivering.sink.taken_keys())) == 50


def test_a_lone_document_at_which_the_sink_fails_is_blamed_once_another_one_is_taken(
    delivering: Delivering,
) -> None:
    delivering.catch_up()
    delivering.sink.breaks = {"sku7"}
    with pytest.raises(SinkUnavailable):
        delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 7")
    for worker in [delivering.worker()] * 6:
        with pytest.raises(SinkUnavailable):
            worker.catch_up(delivering.stop, patience_seconds=0)
    assert delivering.failed() == []
    delivering.execute("UPDATE product SET name = 'b' WHERE id = 8")
    delivering.feed.catch_up(threading.Event())
    delivering.deliver(patience_seconds=20)
    assert delivering.failed("key ->> 'sku', status") == [("sku7", "unavailable")]
    assert delivering.sink.taken_keys()[-1] == b'{"sku":"sku8"}'


def test_bad_documents_that_stand_side_by_side_keep_no_other_back(delivering: Delivering) -> None:
    delivering.sink.breaks = {f"sku{n}" for n in range(10, 41)}
    delivering.sink.batch_records = 1
    delivering.feed.catch_up(threading.Event())
    delivering.deliver(patience_seconds=20)
    assert len(set(delivering.sink.taken_keys())) == 19
    assert len(delivering.failed()) == 31


def test_no_document_is_looked_for_where_the_target_blames_itself(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        delivering.sink.calls.append([record.key.decode() for record in records])
        if len(records) > 1:
            raise TargetFault("no space left", where=feed)
        return ()

    monkeypatch.setattr(delivering.sink, "deliver", full)
    delivering.feed.catch_up(threading.Event())
    for worker in [delivering.worker()] * 6:
        with pytest.raises(TargetFault):
            worker.catch_up(delivering.stop, patience_seconds=0)
    assert {len(call) for call in delivering.sink.calls} == {0, 50}
    assert delivering.failed() == []


@pytest.mark.parametrize("refused", ["refused", "named"])
def test_where_every_document_is_refused_an_unwell_target_is_not_taken_for_one_that_refuses(
    delivering: Delivering, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setattr(delivering.sink, refused, {f"sku{n}" for n in range(1, 51)})
    deliver = delivering.sink.deliver

    def unwell(feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        if not records:
            raise SinkUnavailable("is read-only", where=feed)
        return deliver(feed, records)

    monkeypatch.setattr(delivering.sink, "deliver", unwell)
    delivering.feed.catch_up(threading.Event())
    with pytest.raises(SinkUnavailable, match="read-only"):
        delivering.deliver()
    assert delivering.failed() == []
    monkeypatch.setattr(delivering.sink, "deliver", deliver)
    delivering.deliver()
    assert len(delivering.failed()) == 50


def test_a_page_ends_before_it_holds_more_bytes_than_a_batch(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    connect().execute(
        products(200, name="repeat('x', 100000)").encode()
        + b"; INSERT INTO product VALUES (300, 'large', repeat('y', 3000000)), (301, 'small', 'z')"
    )
    delivering = installed(database, tmp_path)
    delivering.sink.batch_bytes, delivering.sink.batch_records = 1_000_000, 500
    delivering.feed.catch_up(threading.Event())
    definition = delivering.registry.definition("products")
    assert definition is not None
    with delivering.session() as session:
        page = Changes(definition).scan(
            session, revision=0, until=1 << 60, after=None, deletes=False, limit=500, max_bytes=1_000_000
        )
        assert len(page.changes) < 15
        assert page.cut
    delivering.deliver()  # the scan of what is stored
    delivering.execute("UPDATE product SET name = name || '.'")
    delivering.feed.catch_up(threading.Event())
    with delivering.session() as session:
        (last,) = delivering.rows("SELECT revision FROM cdc.sink_state")
        page = Changes(definition).follow(
            session, revision=last[0], caught_up=last[0], limit=500, max_bytes=1_000_000
        )
        assert len(page.changes) < 15
        assert page.cut
    delivering.deliver()
    assert len(delivering.sink.taken) == 2 * 202
    assert max(len(call) for call in delivering.sink.calls) < 15


def test_memory_stays_flat_while_a_sink_is_down_and_many_documents_change(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    connect().execute(products(2000, name="repeat('x', 5000)").encode())
    delivering = installed(database, tmp_path)
    delivering.sink.is_down, delivering.sink.batch_bytes = True, 100_000
    delivering.feed.catch_up(threading.Event())
    tracemalloc.start()
    try:
        for n in range(5):
            delivering.execute(f"UPDATE product SET name = name || {n}")
            delivering.feed.catch_up(threading.Event())
            with pytest.raises(SinkUnavailable):
                delivering.deliver(patience_seconds=0.05)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000  # of the 10 MB that changed five times
    delivering.sink.is_down = False
    delivering.deliver()
    # The latest state of what changed, and not every step.
    assert len(delivering.sink.taken) == 2000
    assert all(b"x01234" in (record.data or b"") for record in delivering.sink.taken)


def test_a_feed_that_hangs_delays_no_other_feed_of_its_sink(delivering: Delivering, tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        assert go_on.wait(30)

    delivering.sink.during = hang
    thread = threading.Thread(target=delivering.catch_up)
    thread.start()
    try:
        assert reached.wait(30)
        # The other feed's worker has a sink and a thread of its own.
        (tmp_path / "names.sql").write_text("SELECT id, name FROM product")
        config = tmp_path / "cdc.toml"
        config.write_text(
            config.read_text()
            .replace('type = "stdout"', f'type = "file"\npath = "{tmp_path}/{{feed}}"')
            .replace("[daemon]\n", "[daemon]\nhelper_sessions = 0\n")
            + '[feeds.names]\nquery = "names.sql"\nkey = ["id"]\n'
        )
        settings = load(config, {})
        with delivering.session() as session:
            plans = [plan_feed(session, settings, name) for name in settings.feeds]
            install(session, delivering.dsn, settings, plans)
        service = Service(settings, delivering.dsn)
        closed_later(service._workload.pool)
        (feed,) = [each for each in service.feed_workers if each.name == "feed names"]
        (names,) = [each for each in service.deliveries if each.name.endswith("names")]
        feed.catch_up(threading.Event())
        names.catch_up(threading.Event(), patience_seconds=5)
        lines = (tmp_path / "names").read_bytes().splitlines()
        assert len([line for line in lines if b'"op":"upsert"' in line]) == 50
    finally:
        go_on.set()
        thread.join(30)
    assert len(delivering.sink.taken) == 50


def test_a_sink_that_can_not_be_opened_is_a_sink_that_takes_nothing(delivering: Delivering) -> None:
    delivering.feed.catch_up(threading.Event())
    worker = delivering.worker()

    def broken() -> SelectiveSink:
        raise ValueError("a fault")

    worker._open_sink = broken
    # What the supervisor takes for a failure that passes: it tries again, and the daemon goes on.
    with pytest.raises(SinkUnavailable, match="can't be opened: ValueError: a fault"):
        worker.run(threading.Event(), lambda: None)


def test_the_watcher_rests_while_who_has_the_lease_waits_for_a_sink_that_is_down(
    delivering: Delivering,
) -> None:
    delivering.sink.is_down = True
    with pytest.raises(SinkUnavailable):
        delivering.catch_up()
    names = [sql.SQL("ARRAY[{}]::text[]").format(sql.Literal(name)) for name in ("target", "products")]
    behind = statement("watcher.behind", sinks=names[0], feeds=names[1])
    with delivering.session() as session:
        # Its worker has ended and given the lease back: another daemon may try.
        assert session.execute(behind).fetchall() == [("products", "target", 0.0)]
        session.execute(
            "UPDATE cdc.sink_state SET leased_by = 'another', leased_until = now() + interval '1 minute'"
        )
        assert session.execute(behind).fetchall() == []
        session.execute("UPDATE cdc.sink_state SET leased_until = now() - interval '1 second'")
        assert session.execute(behind).fetchall() == [("products", "target", 0.0)]
        session.execute(
            "UPDATE cdc.sink_state SET failure = NULL, leased_until = now() + interval '1 minute'"
        )
        assert session.execute(behind).fetchall() == [("products", "target", 0.0)]
        session.execute("INSERT INTO cdc.delivery_pause VALUES ('*', 'products')")
        assert session.execute(behind).fetchall() == []


def test_an_idle_delivery_closes_its_sink_and_wakes_when_it_is_rung(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "OPEN_SECONDS", 60.0)
    monkeypatch.setattr(delivery, "IDLE_SECONDS", 0.05)
    leases = "SELECT count(leased_by) FROM cdc.sink_state"
    delivering.feed.catch_up(threading.Event())
    stop = threading.Event()
    thread = threading.Thread(target=delivering.worker().run, args=(stop, lambda: None))
    thread.start()
    try:
        eventually("everything arrives", lambda: len(delivering.sink.taken) == 50)
        assert delivering.rows(leases) == [(1,)]
        monkeypatch.setattr(delivery, "OPEN_SECONDS", 0.1)
        eventually("it let go", lambda: delivering.rows(leases) == [(0,)])
        delivering.execute("UPDATE product SET name = 'b' WHERE id = 7")
        delivering.feed.catch_up(threading.Event())
        delivering.wake_ups.wake_delivery("target", "products")
        eventually("the change arrives", lambda: len(delivering.sink.taken) == 51)
    finally:
        stop.set()
        delivering.wake_ups.wake_all()
        thread.join(30)
