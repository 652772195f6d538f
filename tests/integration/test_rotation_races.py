"""Rotation while a sink is sending, and while a first cursor is being taken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cdc_daemon.pg.session import connect as session_to
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Refusal, Sink
from cdc_daemon.workers.delivery import DeliveryWorker
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.wake_ups import WakeUps
from tests.conftest import Connect
from tests.support.command import FILE_SINK, eventually, execute
from tests.support.delivering import opened_pool
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

SINK = FILE_SINK.split("]", 1)[0].rpartition(".")[2]


@dataclass
class Slow(Sink):
    """A target that takes one record at a time, and during whose first send something else happens."""

    meanwhile: Callable[[], None]
    name: str = SINK
    batch_records: int = 1
    batch_bytes: int = 1 << 20
    timeout_seconds: float = 5.0
    taken: list[bytes] = field(default_factory=list[bytes])

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:  # the contract's
        if not self.taken:
            self.meanwhile()
        self.taken += [record.key for record in records]
        return ()

    def close(self) -> None:
        pass


def test_a_sink_that_gives_up_its_claim_while_it_is_sending_misses_nothing(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    execute(database, "UPDATE item SET price = 3")
    with feeds.feed_sync() as sync:
        sync.run_pass()
    registry = Registry(feeds.settings, database)
    with session_to(database) as session:
        registry.plan_and_install(session, "items")
    sink = Slow(lambda: feeds.rotate(log_limit_rows=1))
    worker = DeliveryWorker(
        SINK,
        "items",
        pool=opened_pool(lambda: session_to(database)),
        wake_ups=WakeUps(["items"], [(SINK, "items")]),
        open_sink=lambda: sink,
        definition=lambda: registry.definition("items"),
        max_attempts=20,
        cleaned=str,
    )
    worker.catch_up(threading.Event(), patience_seconds=0)
    assert feeds.value("SELECT count(*) FROM cdc.feed_items_log") == 0  # its claim was indeed given up
    assert set(sink.taken) == {b'{"id":%d}' % n for n in range(1, 6)}


def test_what_is_written_while_a_first_cursor_is_taken_is_not_emptied_before_it_is_read(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    blocker = connect(autocommit=False)
    with feeds.feed_sync() as sync, ThreadPoolExecutor() as pool:
        blocker.execute(
            "LOCK TABLE cdc.resync IN ACCESS EXCLUSIVE MODE"
        )  # begin comes here after its snapshot
        begun = pool.submit(sync.begin, pause=lambda _: True, waiting=lambda _: None)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'cdc.resync'::regclass"
        eventually("begin waits for the table", lambda: feeds.value(waiting) == 1)
        execute(database, "INSERT INTO item VALUES (6, 'c6', 6, '')")
        feeds.rotate()
        blocker.rollback()
        assert begun.result() == 5
    feeds.sync()
    feeds.assert_equal_to_the_query()
