"""The watcher: one read-only query for the whole daemon that finds workers with work."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from cdc_daemon.capture.catalogue import require_schema
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.catalogue_watch import CatalogueWatch
from cdc_daemon.workers.wake_ups import WakeUps

BUSY_SECONDS = 5.0
"""Seconds after the last change during which the pause between polls stays shortest."""


MOST_LOOKING = 0.1
"""Largest fraction of time for polls. Over a hundred changelogs a poll takes 3 ms and more."""


@dataclass(frozen=True)
class Configured:
    """What the watcher watches.

    Attributes:
        feeds, sinks: names.
        targets: digest of the target of each sink that has one.
    """

    feeds: tuple[str, ...]
    sinks: tuple[str, ...]
    targets: Mapping[str, str] = field(default_factory=dict[str, str])


class Watcher:
    """Polls for unread entries, backlogs, undelivered revisions, due failed items; wakes workers.

    It takes no lock and no xid, so an idle database stays idle. One query serves all feeds and sinks.

    Args:
        show: tells that this daemon runs as long as the watcher's session lives, and with which feeds and
            sinks.
        catalogue: finds catalogue changes, which fire no trigger.
        changelogs: returns the feeds that read each changelog.
        refreshing: returns the feeds with `_refresh_at`.
        configured: returns the feeds and the sinks; others after a reload.
        poll_seconds: pause between polls while there are changes.
        idle_poll_seconds: longest pause, reached by doubling while there are no changes.
    """

    name = "watcher"

    def __init__(
        self,
        connect: Callable[[], Connection],
        wake_ups: WakeUps,
        *,
        show: Callable[[Connection], None],
        catalogue: CatalogueWatch,
        changelogs: Callable[[], Mapping[str, Sequence[str]]],
        refreshing: Callable[[], Sequence[str]],
        configured: Callable[[], Configured],
        poll_seconds: float,
        idle_poll_seconds: float,
    ) -> None:
        self._connect = connect
        self._wake_ups = wake_ups
        self._show = show
        self._catalogue = catalogue
        self._changelogs = changelogs
        self._refreshing = refreshing
        self._configured = configured
        self._poll_seconds = poll_seconds
        self._idle_poll_seconds = idle_poll_seconds
        # The snapshot of a full poll that found no work; empty if it found some.
        self._quiet = ""

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Poll until stopped.

        Raises:
            InstallError: schema cdc no longer exists.
        """
        watched: tuple[Mapping[str, Sequence[str]], Sequence[str]] | None = None
        configured = self._configured()
        everything = by_the_clock = b""
        pause, last_work = self._poll_seconds, time.monotonic()
        with self._connect() as connection:
            try:
                self._show(connection)
            except psycopg.errors.UndefinedTable:
                require_schema(connection)
                raise
            for feed in configured.feeds:
                # The last session may have been lost with its server. An idle feed must check at once whether
                # the database is another incarnation.
                self._wake_ups.wake_feed(feed)
            while not stop.is_set():
                heartbeat()
                if configured != (wanted := self._configured()):
                    configured, watched = wanted, None
                    self._show(connection)
                if watched != (now := (self._changelogs(), self._refreshing())):
                    watched, self._quiet = now, ""
                    everything, by_the_clock = self._queries(*now, configured)
                started = time.monotonic()
                try:
                    snapshot = self._snapshot(connection) if pause > self._poll_seconds else ""
                    # Two equal snapshots see the same entries: only work that waits for a time can be new.
                    unchanged = snapshot != "" and snapshot == self._quiet
                    next_seconds = self._look(connection, by_the_clock if unchanged else everything)
                    self._quiet = snapshot if next_seconds > 0 else ""
                    for feed in self._catalogue.moved(connection):
                        self._wake_ups.wake_feed(feed)
                except psycopg.errors.UndefinedTable:
                    require_schema(connection)
                    # A feed was dropped. Its worker reports it and stops watching the feed.
                    self._wake_ups.wake_all()
                    stop.wait(self._idle_poll_seconds)
                    continue
                looking = time.monotonic() - started
                shortest = min(looking * (1 / MOST_LOOKING - 1), self._idle_poll_seconds)
                if next_seconds <= 0:
                    pause, last_work = self._poll_seconds, time.monotonic()
                elif time.monotonic() - last_work > BUSY_SECONDS:
                    pause = min(pause * 2, self._idle_poll_seconds)
                stop.wait(max(shortest, min(pause, next_seconds) if next_seconds > 0 else pause))

    def _snapshot(self, connection: Connection) -> str:
        row = connection.execute(statement("watcher.snapshot")).fetchone()
        return str(row[0]) if row else ""

    def _look(self, connection: Connection, query: bytes) -> float:
        """Wake workers with work.

        Return the seconds until the next known work; 0 or less if there was some.
        """
        found = connection.execute(query).fetchall()
        for feed, sink, seconds in found:
            if seconds > 0:
                continue
            if sink is None:
                self._wake_ups.wake_feed(feed)
            else:
                self._wake_ups.wake_delivery(sink, feed)
        return min((seconds for *_, seconds in found), default=math.inf)

    def _queries(
        self,
        changelogs: Mapping[str, Sequence[str]],
        refreshing: Sequence[str],
        configured: Configured,
    ) -> tuple[bytes, bytes]:
        """Return a query for all work, and a query for work that only the time makes due."""
        unread = [
            statement("watcher.unread", changelog=sql.Identifier(changelog), feeds=_texts(feeds))
            for changelog, feeds in changelogs.items()
        ]
        due = [
            statement("watcher.due", feed=sql.Literal(name), table=sql.Identifier(f"feed_{name}"))
            for name in refreshing
        ]
        followed, delivered_to = _texts(configured.feeds), _texts(configured.sinks)
        planned = sorted({feed for feeds in changelogs.values() for feed in feeds})
        timed = [
            *due,
            statement("watcher.waiting", feeds=followed),
            statement("watcher.behind", sinks=delivered_to, feeds=followed),
        ]
        dropped = statement("watcher.dropped", feeds=_texts(planned))
        # Cache it as bytes: over a hundred tables, composing it takes longer than PostgreSQL's answer.
        return _union([*unread, dropped, *timed]), _union(timed)


def _union(parts: Sequence[sql.Composable]) -> bytes:
    return sql.SQL("\nUNION\n").join(parts).as_bytes()


def _texts(names: Sequence[str]) -> sql.Composed:
    return sql.SQL("ARRAY[{}]::pg_catalog.text[]").format(sql.SQL(", ").join(map(sql.Literal, names)))
