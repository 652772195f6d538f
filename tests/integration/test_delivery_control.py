"""What a person does to deliveries: pause, resume, replay; sinks that come and go."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.insight.status import read_status
from cdc_daemon.service import Service
from cdc_daemon.workers import control, watcher
from cdc_daemon.workers.resync import Resync
from tests.conftest import Connect
from tests.support.bed import Bed
from tests.support.command import eventually, execute
from tests.support.delivering import Delivering, closed_later
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

TWO_SINKS = """
[sinks.file]
type = "file"
path = "out/{feed}.ndjson"
[sinks.second]
type = "file"
path = "second/{feed}.ndjson"
"""


def changes(delivering: Delivering) -> Changes:
    definition = delivering.registry.definition("products")
    assert definition is not None
    return Changes(definition)


@pytest.mark.parametrize(
    ("sink", "feed"), [("target", None), (None, "products"), ("target", "products")], ids=str
)
def test_a_paused_delivery_rests_and_then_gets_the_latest_state(
    delivering: Delivering, sink: str | None, feed: str | None
) -> None:
    delivering.catch_up()
    with delivering.session() as session:
        control.pause(session, sink, feed, reason="a move")
        delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 7")
        delivering.catch_up("UPDATE product SET name = 'c' WHERE id = 7")
        assert len(delivering.sink.taken) == 50
        (pause,) = control.pauses(session)
        assert (pause.sink, pause.feed, pause.reason) == (sink, feed, "a move")
        assert control.resume(session, sink, feed)
        assert not control.resume(session, sink, feed)
    delivering.deliver()
    assert [record.data for record in delivering.sink.taken[50:]] == [b'{"id":7,"sku":"sku7","name":"c"}']


def test_failed_items_rest_with_a_paused_delivery(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.sink.refused = set()
    with delivering.session() as session:
        control.pause(session, "target", None, reason=None)
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed() == [("sku7", 1, False)]


def test_another_sink_goes_on_while_one_is_paused(database: str, tmp_path: Path, connect: Connect) -> None:
    feeds = Synced(tmp_path, database, sinks=TWO_SINKS)
    feeds.sync()
    with feeds._connect() as session:
        control.pause(session, "file", None, reason=None)
    feeds.sync("UPDATE item SET price = 3 WHERE id = 1")
    assert len(feeds.records("items")) == 5
    second = (tmp_path / "second" / "items.ndjson").read_bytes().splitlines()
    assert len([line for line in second if b'"op":"upsert"' in line]) == 6


class Pauses(threading.Event):
    """What a watcher waits on, which notes how long each pause was to be.

    Args:
        most: after so many it is stopped.
        sleeps: whether it pauses.
    """

    def __init__(self, most: int | None = None, *, sleeps: bool = True) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._most = most
        self._sleeps = sleeps

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        if len(self.seconds) == self._most:
            self.set()
        return super().wait(timeout if self._sleeps else 0)


def test_a_running_delivery_is_paused_and_resumed(database: str, tmp_path: Path, connect: Connect) -> None:
    feeds = Synced(tmp_path, database, daemon="idle_poll_seconds = 0.1\nhelper_sessions = 0")
    feeds.sync()
    service = Service(feeds.settings, database)
    closed_later(service._workload.pool)
    service.feed_workers[0].catch_up(threading.Event())
    (delivery,) = service.deliveries
    stop, pauses = threading.Event(), Pauses()
    threads = [
        threading.Thread(target=delivery.run, args=(stop, lambda: None)),
        threading.Thread(target=service._workload.watcher().run, args=(pauses, lambda: None)),
    ]
    with feeds._connect() as session:
        control.pause(session, None, "items", reason=None)
        for thread in threads:
            thread.start()
        try:
            execute(database, "UPDATE item SET price = 3 WHERE id = 1")
            service.feed_workers[0].catch_up(threading.Event())
            looks = len(pauses.seconds)
            eventually("the database was looked at", lambda: len(pauses.seconds) > looks + 2)
            assert len(feeds.records("items")) == 5
            control.resume(session, None, "items")
            eventually("it is delivered", lambda: len(feeds.records("items")) == 6)
        finally:
            stop.set()
            pauses.set()
            service._workload.wake_ups.wake_all()
            for thread in threads:
                thread.join(30)


def test_the_next_look_at_the_database_sees_a_resume_and_the_longest_pause_between_two_is_a_second(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = Synced(tmp_path, database, daemon="helper_sessions = 0")
    feeds.sync()
    service = Service(feeds.settings, database)
    closed_later(service._workload.pool)
    service.feed_workers[0].catch_up(threading.Event())

    def is_rung_by_one_look() -> bool:
        service._workload.watcher().run(Pauses(1, sleeps=False), lambda: None)
        return service._workload.wake_ups.await_delivery("file", "items", 0)

    with feeds._connect() as session:
        control.pause(session, None, "items", reason=None)
        execute(database, "UPDATE item SET price = 3 WHERE id = 1")
        service.feed_workers[0].catch_up(threading.Event())
        service._workload.wake_ups.await_delivery("file", "items", 0)  # the feed has rung for what it wrote
        assert not is_rung_by_one_look()
        control.resume(session, None, "items")
        assert is_rung_by_one_look()
    (delivery,) = service.deliveries
    delivery.catch_up(threading.Event(), patience_seconds=0)
    monkeypatch.setattr(watcher, "BUSY_SECONDS", 0.0)
    pauses = Pauses(20, sleeps=False)
    service._workload.watcher().run(pauses, lambda: None)
    assert max(pauses.seconds) == 1.0


def test_a_replay_brings_everything_once_more_as_a_full_snapshot(delivering: Delivering) -> None:
    delivering.catch_up("DELETE FROM product WHERE id = 50")
    delivering.catch_up("DELETE FROM product WHERE id = 49")
    delivering.sink.taken.clear()
    with delivering.session() as session:
        control.replay_all(session, "target", "products")
    delivering.execute("UPDATE product SET name = 'b' WHERE id = 7")  # what changes meanwhile comes too
    delivering.deliver()
    replayed = delivering.sink.taken
    (snapshot,) = {record.snapshot for record in replayed}
    assert snapshot is not None
    assert max(record.revision for record in replayed) <= snapshot
    assert sorted(record.op for record in replayed) == ["delete"] + ["upsert"] * 48
    delivering.catch_up()
    assert (delivering.sink.taken[-1].snapshot, delivering.sink.taken[-1].key) == (None, b'{"sku":"sku7"}')
    assert delivering.sink.taken[-1].revision > snapshot


def test_a_forced_resync_of_a_document_makes_the_record_that_ends_a_full_snapshot(
    delivering: Delivering,
) -> None:
    delivering.catch_up()
    with delivering.session() as session:
        control.replay_all(session, "target", "products")
        delivering.deliver()
        (snapshot,) = {record.snapshot for record in delivering.sink.taken[50:]}
        assert snapshot is not None
        Resync(session, delivering.settings, "products", where={"sku": "sku7"}, force=True).request(
            threading.Event()
        )
    delivering.catch_up()
    *_, last = delivering.sink.taken
    assert (last.key, last.snapshot) == (b'{"sku":"sku7"}', None)
    assert last.revision > snapshot


def test_a_replay_is_not_lost_to_a_page_that_was_on_its_way(delivering: Delivering) -> None:
    delivering.feed.catch_up(threading.Event())
    delivering.sink.batch_records = 10

    def ask() -> None:
        delivering.sink.during = lambda: None
        with delivering.session() as session:
            control.replay_all(session, "target", "products")

    delivering.sink.during = ask
    delivering.deliver()
    last = delivering.sink.taken[-1].snapshot
    replayed = [record.key for record in delivering.sink.taken if record.snapshot == last]
    assert len(set(replayed)) == len(replayed) == 50
    assert [end.snapshot for end in delivering.sink.ends] == [last]


def test_a_replay_brings_parked_documents_too(delivering: Delivering) -> None:
    delivering.max_attempts = 1
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.sink.refused = set()
    with delivering.session() as session:
        control.replay_all(session, "target", "products")
    delivering.deliver()
    assert delivering.failed() == []
    assert b'{"sku":"sku7"}' in delivering.sink.taken_keys()


def test_a_replay_since_a_moment_brings_what_was_stored_since_then(delivering: Delivering) -> None:
    delivering.catch_up()
    ((moment,),) = delivering.rows("SELECT clock_timestamp()")
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id IN (7, 9)")
    delivering.catch_up("DELETE FROM product WHERE id = 9")
    delivering.sink.taken.clear()
    with delivering.session() as session:
        control.replay_since(session, "target", changes(delivering), moment)
    delivering.deliver()
    assert sorted((record.key, record.op) for record in delivering.sink.taken) == [
        (b'{"sku":"sku7"}', "upsert"),
        (b'{"sku":"sku9"}', "delete"),
    ]
    delivering.catch_up("UPDATE product SET name = 'c' WHERE id = 1")
    assert delivering.sink.taken[-1].data == b'{"id":1,"sku":"sku1","name":"c"}'


def test_a_replay_of_a_key_brings_that_document(delivering: Delivering) -> None:
    delivering.catch_up()
    with delivering.session() as session:
        assert control.replay_some(session, "target", changes(delivering), {"sku": "sku7"}) == 1
        assert control.replay_some(session, "target", changes(delivering), {"sku": "none"}) == 0
    delivering.deliver()
    assert [record.key for record in delivering.sink.taken[50:]] == [b'{"sku":"sku7"}']
    assert delivering.failed() == []


def test_a_sink_that_never_got_anything_has_nothing_to_replay(delivering: Delivering) -> None:
    delivering.feed.catch_up(threading.Event())
    with delivering.session() as session, pytest.raises(CdcError, match="nothing was delivered yet"):
        control.replay_all(session, "target", "products")


def test_a_new_sink_gets_the_whole_feed_and_nothing_is_computed_for_it(
    database: str, tmp_path: Path, connect: Connect
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    passes = feeds.value("SELECT last_pass_at FROM cdc.feed_state")
    feeds.configure(sinks=TWO_SINKS)
    feeds.sync()
    second = (tmp_path / "second" / "items.ndjson").read_bytes().splitlines()
    assert [json.loads(line)["op"] for line in second] == ["upsert"] * 5 + ["snapshot_end"]
    assert feeds.value("SELECT last_pass_at FROM cdc.feed_state") == passes


def test_a_sink_that_was_removed_leaves_nothing_behind(
    database: str, tmp_path: Path, connect: Connect
) -> None:
    feeds = Synced(tmp_path, database, sinks=TWO_SINKS)
    feeds.sync()
    execute(
        database,
        "INSERT INTO cdc.failed_item (sink, feed, id, key, revision, reason)"
        " VALUES ('second', 'items', '', '{}', 99, '')",
        "INSERT INTO cdc.delivered_document (sink, feed, id, key, documents)"
        " VALUES ('second', 'items', '', '{}', '{}')",
        "INSERT INTO cdc.delivery_pause VALUES ('second', '*', 'moving')",
    )
    feeds.configure()
    feeds.install()
    for table in ("sink_state", "failed_item", "delivered_document", "delivery_pause"):
        assert feeds.value(f"SELECT count(*) FROM cdc.{table} WHERE sink = 'second'") == 0
    assert feeds.value("SELECT count(*) FROM cdc.sink_state") == 1
    feeds.install()  # and the second one does nothing


def test_a_feed_that_a_sink_takes_no_more_leaves_nothing_behind(database: str, tmp_path: Path) -> None:
    execute(database, "CREATE TABLE item (id int PRIMARY KEY, code text); INSERT INTO item VALUES (1, 'a')")
    daemon = Bed(tmp_path, database)
    daemon.add_feed("items", "SELECT id, code FROM item", key=["id"])
    daemon.install()
    daemon.run_once()
    daemon.add_feed("items", "SELECT id, code FROM item", key=["id"], sinks=[])
    assert [step.what for step in daemon.wanted()] == ["delivery of feed items to sink file"]
    daemon.install()
    assert daemon.wanted() == []


def test_status_tells_of_pauses_snapshots_and_parked_items(delivering: Delivering) -> None:
    delivering.max_attempts = 1
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    with delivering.session() as session:
        control.pause(session, "target", None, reason=None)
        control.replay_all(session, "target", "products")
        (sink,) = read_status(session, delivering.settings).feeds[0].sinks
    assert (sink.paused, sink.snapshot, sink.failed_items, sink.parked) == (True, True, 0, 0)


def test_after_a_restore_every_sink_gets_a_full_snapshot(delivering: Delivering) -> None:
    delivering.catch_up("DELETE FROM product WHERE id = 50")
    delivering.catch_up()
    delivering.sink.taken.clear()
    before = time.time_ns() // 1000
    delivering.execute("UPDATE cdc.feed_state SET incarnation = 'another'")
    delivering.catch_up()
    by_key = {record.key: record for record in delivering.sink.taken}
    assert len(by_key) == len(delivering.sink.taken)  # once each
    assert {record.op for record in by_key.values()} == {"upsert"}
    (snapshot,) = {record.snapshot for record in by_key.values()}
    assert snapshot is not None
    assert snapshot > before
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 7")
    assert delivering.sink.taken[-1].snapshot is None


def test_a_snapshot_after_a_restore_waits_until_everything_is_recomputed(delivering: Delivering) -> None:
    delivering.catch_up()
    delivering.sink.taken.clear()
    delivering.execute(
        "UPDATE cdc.sink_state SET snapshot_wanted = true",
        "INSERT INTO cdc.resync (feed, reason, entities, first_position, last_position)"
        " VALUES ('products', 'incarnation changed', 1, 1, 1)",
    )
    delivering.deliver()
    assert delivering.sink.taken == []
    delivering.execute("UPDATE cdc.resync SET finished_at = now()")
    delivering.deliver()
    assert len(delivering.sink.taken) == 50


def test_a_forced_resync_supersedes_what_was_refused(delivering: Delivering) -> None:
    delivering.max_attempts = 1
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.sink.refused = set()
    with delivering.session() as session:
        resync = Resync(session, delivering.settings, "products", where={"sku": "sku7"}, force=True)
        resync.request(threading.Event())
    delivering.catch_up()
    assert delivering.failed() == []
