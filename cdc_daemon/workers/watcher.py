"""The watcher: one read-only query for the whole daemon that sees who has work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from psycopg import sql

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.bells import Bells

BUSY_SECONDS = 5.0
"""How long after the last change polling stays at its shortest."""


class Watcher:
    """Polls for unread entries, pending entities and undelivered revisions, and rings the bells.

    It takes no lock and no xid, so an idle database stays idle; one query serves all feeds and sinks.

    Args:
        changelogs: per changelog, the feeds that read it.
        poll_seconds: pause while something happens.
        idle_poll_seconds: longest pause, reached by doubling when nothing does.
    """

    name = "watcher"

    def __init__(
        self,
        connect: Callable[[], Connection],
        bells: Bells,
        *,
        changelogs: Callable[[], Mapping[str, Sequence[str]]],
        feeds: Sequence[str],
        sinks: Sequence[str],
        poll_seconds: float,
        idle_poll_seconds: float,
    ) -> None:
        self._connect = connect
        self._bells = bells
        self._changelogs = changelogs
        self._feeds = feeds
        self._sinks = sinks
        self._poll_seconds = poll_seconds
        self._idle_poll_seconds = idle_poll_seconds

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Poll until stopped."""
        watched: Mapping[str, Sequence[str]] = {}
        query: sql.Composed | None = None
        pause, last_work = self._poll_seconds, time.monotonic()
        with self._connect() as connection:
            while not stop.is_set():
                beat()
                if query is None or watched != self._changelogs():
                    watched = dict(self._changelogs())
                    query = self._query(watched)
                if self._look(connection, query):
                    pause, last_work = self._poll_seconds, time.monotonic()
                elif time.monotonic() - last_work > BUSY_SECONDS:
                    pause = min(pause * 2, self._idle_poll_seconds)
                stop.wait(pause)

    def _look(self, connection: Connection, query: sql.Composed) -> bool:
        found = connection.execute(query).fetchall()
        for kind, name in found:
            if kind == "feed":
                self._bells.ring_feed(name)
            else:
                self._bells.ring_sink(name)
        return bool(found)

    def _query(self, watched: Mapping[str, Sequence[str]]) -> sql.Composed:
        unread = [
            statement("watcher.unread", changelog=sql.Identifier(changelog), feeds=_texts(feeds))
            for changelog, feeds in watched.items()
        ]
        rest = [
            statement("watcher.waiting", feeds=_texts(self._feeds)),
            statement("watcher.behind", sinks=_texts(self._sinks)),
        ]
        return sql.SQL("\nUNION\n").join([*unread, *rest])


def _texts(names: Sequence[str]) -> sql.Composed:
    return sql.SQL("ARRAY[{}]::pg_catalog.text[]").format(sql.SQL(", ").join(map(sql.Literal, names)))
