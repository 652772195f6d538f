"""One feed, a sink that does as a test tells it, and what delivers the one to the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.pg.pool import Pool
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.session import connect as session_to
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import Refusal, Sink
from cdc_daemon.workers.delivery import DeliveryWorker
from cdc_daemon.workers.feed_worker import FeedWorker
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.wake_ups import WakeUps
from tests.support.bed import Bed
from tests.support.command import Feed, eventually

SINK = '[sinks.target]\ntype = "stdout"\n'
MAX_ATTEMPTS = 3


@dataclass
class SelectiveSink(Sink):
    """A target that refuses or breaks at some keys, as a receiver with a schema and faults of its own would.

    Attributes:
        refused: keys that make it refuse the batch as a whole.
        named: keys that it refuses by name, taking the others.
        breaks: keys at which it fails as if it were down.
        bug: keys at which its program is wrong.
        calls: the keys of each call of `deliver`.
    """

    name: str = "target"
    batch_records: int = 100
    batch_bytes: int = 1 << 20
    timeout_seconds: float = 1.0
    wants_previous: bool = False
    refused: set[str] = field(default_factory=set[str])
    named: set[str] = field(default_factory=set[str])
    breaks: set[str] = field(default_factory=set[str])
    bug: set[str] = field(default_factory=set[str])
    is_down: bool = False
    taken: list[Record] = field(default_factory=list[Record])
    calls: list[list[str]] = field(default_factory=list[list[str]])
    ends: list[SnapshotEnd] = field(default_factory=list[SnapshotEnd])
    during: Callable[[], None] = lambda: None

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        keys = [record.key.decode() for record in records]
        self.calls.append(keys)
        if self.is_down or _any_of(self.breaks, keys):
            raise SinkUnavailable("is down", where=feed)
        if _any_of(self.bug, keys):
            raise TypeError("a fault")
        if _any_of(self.refused, keys):
            raise RecordsRefused("does not like it", where=feed, status=422)
        self.during()
        refused = [
            Refusal(record.key, "not this one", "E7")
            for record in records
            if _any_of(self.named, [record.key.decode()])
        ]
        self.taken += [record for record in records if record.key not in {one.key for one in refused}]
        return refused

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        self.ends.append(end)
        return True

    def close(self) -> None:
        pass

    def taken_keys(self) -> list[bytes]:
        """Of all that was taken, in order."""
        return [record.key for record in self.taken]


def _any_of(wanted: set[str], keys: Sequence[str]) -> bool:
    return any(f'"{one}"' in key for one in wanted for key in keys)


_pools: list[Pool] = []


def opened_pool(session: Callable[[], Connection]) -> Pool:
    """A pool of two sessions; `close_pools` ends them with the test."""
    return closed_later(Pool(session, 2))


def closed_later(pool: Pool) -> Pool:
    """The same pool; `close_pools` ends its sessions with the test."""
    _pools.append(pool)
    return pool


def close_pools() -> None:
    while _pools:
        _pools.pop().close()


class Delivering(Bed):
    """One feed, `products`, and its sink, caught up on demand.

    Attributes:
        feed: the worker that recomputes the feed.
        stop: ends a delivery.
    """

    def __init__(
        self, folder: Path, dsn: str, feed: Feed, sink: SelectiveSink, *, history: bool = False
    ) -> None:
        super().__init__(folder, dsn, {"products": feed}, sinks=SINK)
        self.sink = sink
        self.max_attempts = MAX_ATTEMPTS
        self.stop = threading.Event()
        self.registry = Registry(self.settings, self.dsn)
        self.wake_ups = WakeUps(["products"], [("target", "products")])
        self.feed = FeedWorker(
            "products",
            pool=opened_pool(self.session),
            wake_ups=self.wake_ups,
            plan_and_install=self.registry.plan_and_install,
            plan_captured=self.registry.plan_captured,
            written=self.wake_ups.wake_feed,
            batch_entities=1000,
            max_pass_entities=5000,
            history=history,
        )

    def session(self) -> Connection:
        """A session as a worker has it."""
        return session_to(self.dsn, search_path="public")

    def worker(self) -> DeliveryWorker:
        """A new one, as after a restart."""
        return DeliveryWorker(
            "target",
            "products",
            pool=opened_pool(self.session),
            wake_ups=self.wake_ups,
            open_sink=lambda: self.sink,
            definition=lambda: self.registry.definition("products"),
            max_attempts=self.max_attempts,
            cleaned=str,
        )

    def catch_up(self, *statements: str) -> None:
        """Execute the statements, bring the feed up to date and deliver."""
        self.execute(*statements)
        self.feed.catch_up(threading.Event())
        self.deliver()

    def deliver(self, *, patience_seconds: float = 0) -> None:
        self.worker().catch_up(self.stop, patience_seconds=patience_seconds)

    def execute(self, *statements: str) -> None:
        with self.session() as session:
            for text in statements:
                session.execute(text.encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.session() as session:
            return session.execute(query.encode()).fetchall()

    def failed(self, columns: str = "key ->> 'sku', attempts, next_attempt_at IS NULL") -> list[Any]:
        """Failed items: key, attempts, parked."""
        return self.rows(f"SELECT {columns} FROM cdc.failed_item ORDER BY key")

    def make_due(self) -> None:
        """The pauses of failed items are over."""
        self.execute("UPDATE cdc.failed_item SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")

    def lose_session_at(self, table: str, operation: str, when: str, act: Callable[[], object]) -> None:
        """Do something that delivers, and end the session of the delivery in the middle of one statement.

        Args:
            table, operation, when: the statement: `cdc.failed_item`, `INSERT`, a condition over NEW and OLD.
            act: what delivers; what it raises for the loss is not told.
        """
        self.execute(
            "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM pg_advisory_xact_lock(4711);"
            " RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END $$",
            f"CREATE TRIGGER wait_here BEFORE {operation} ON {table} FOR EACH ROW WHEN ({when})"
            " EXECUTE FUNCTION wait_here()",
        )
        waiting = (
            "FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
            " WHERE d.datname = current_database() AND locktype = 'advisory' AND objid = 4711 AND NOT granted"
        )
        with self.session() as holder:
            holder.execute("SELECT pg_advisory_lock(4711)")
            thread = threading.Thread(target=_quietly, args=(act,))
            thread.start()
            eventually("the statement is reached", lambda: bool(self.rows(f"SELECT 1 {waiting}")))
            self.execute(f"SELECT pg_terminate_backend(pid) {waiting}")
            thread.join(30)
            assert not thread.is_alive()
        self.execute(f"DROP TRIGGER wait_here ON {table}", "DROP FUNCTION wait_here()")


def _quietly(act: Callable[[], object]) -> None:
    try:
        act()
    except Exception as error:  # the loss of the session, in whatever form it is told
        print(f"as wanted: {error}")


def installed(
    dsn: str,
    folder: Path,
    query: str = "SELECT id, sku, name FROM product",
    key: tuple[str, ...] = ("sku",),
    *,
    history: bool = False,
) -> Delivering:
    """The feed, installed and ready, nothing synced; `history`: its passes go into the history."""
    feed = Feed(query, key, 'entity = ["id"]')
    delivering = Delivering(folder, dsn, feed, SelectiveSink(), history=history)
    delivering.install()
    return delivering
