"""Rotation: empties resting segments that all readers have read; drops cursors too far behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import psycopg
from psycopg import sql

from cdc_daemon.capture.source import Source
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.log import get_logger
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.segments import current_segment
from cdc_daemon.workers import audit
from cdc_daemon.workers.history_segments import HistoryBounds

TRIES = 20
TRY_SECONDS = 0.02

log = get_logger()


class Rotator:
    """Keeps changelogs and logs bounded.

    Args:
        session: opens a session for one round.
        sources, feeds: return the captured tables and the stored feeds.
        changelog_limit_bytes: size of a changelog above which a feed that blocks its rotation loses its
            cursor and is resynced.
        log_limit_rows: number of revisions above which a sink scans the stored feed instead of the log.
        history: how much history of documents to keep; None: look after none.
    """

    name = "rotator"

    def __init__(
        self,
        session: Callable[[], AbstractContextManager[Connection]],
        *,
        sources: Callable[[], Sequence[Source]],
        feeds: Callable[[], Sequence[FeedDefinition]],
        every_seconds: float,
        changelog_limit_bytes: int,
        log_limit_rows: int,
        history: HistoryBounds | None = None,
    ) -> None:
        self._session = session
        self._sources = sources
        self._feeds = feeds
        self._every_seconds = every_seconds
        self._changelog_limit_bytes = changelog_limit_bytes
        self._log_limit_rows = log_limit_rows
        self._history = history

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Rotate until stopped."""
        while not stop.wait(self._every_seconds):
            with self._session() as connection:
                self.rotate(connection, 1 - current_segment(), stop)
                if self._history is not None:
                    self._history.keep(connection)
                    audit.forget(connection, days=self._history.audit_days)
            heartbeat()  # the pool may have given a lost session, which only a statement shows

    def rotate(self, connection: Connection, resting: int, stop: threading.Event) -> None:
        """Try to empty every resting segment once.

        Args:
            resting: 0 or 1, the segments that take no entries at present.
        """
        for source in self._sources():
            self._let_go_of_changelog(connection, source)
            if self._empty(connection, source.segments[resting], stop, claimed_by=source):
                log.info("changelog_rotated", changelog=source.changelog)
        for feed in self._feeds():
            self._let_go_of_log(connection, feed)
            if self._empty(connection, feed.segments[resting], stop, claimed_by=feed):
                log.info("log_rotated", feed=feed.name)

    def _empty(
        self, connection: Connection, name: str, stop: threading.Event, *, claimed_by: Source | FeedDefinition
    ) -> bool:
        """Empty a segment if no transaction writes it and no reader needs it.

        It takes the lock, which fails while any writer is open or prepared, then checks the cursors, then
        executes TRUNCATE. It uses READ COMMITTED, because REPEATABLE READ would check the cursors as they
        were before the lock (an entry was lost that way). It never waits for the lock: if a dump reads the
        segment, writers would queue behind this request.
        """
        segment = sql.Identifier(name)
        row = connection.execute(statement("changelog.segment_is_empty", segment=segment)).fetchone()
        if row is None or row[0] or self._needed(connection, segment, claimed_by):
            return False
        for _ in range(TRIES):
            try:
                with connection.transaction():
                    connection.execute(statement("changelog.lock_segment", segment=segment))
                    if self._needed(connection, segment, claimed_by):
                        return False
                    connection.execute(statement("changelog.empty_segment", segment=segment))
            except psycopg.errors.LockNotAvailable:
                if stop.wait(TRY_SECONDS):
                    return False
            else:
                return True
        return False

    def _needed(
        self, connection: Connection, segment: sql.Identifier, claimed_by: Source | FeedDefinition
    ) -> bool:
        if isinstance(claimed_by, Source):
            table = sql.Literal(str(claimed_by.table))
            row = connection.execute(statement("changelog.claimed", segment=segment, table=table)).fetchone()
            return row is None or bool(row[0])
        last = connection.execute(statement("log.last_revision", segment=segment)).fetchone()
        claim = connection.execute(statement("sink_state.claim"), {"feed": claimed_by.name}).fetchone()
        if last is None or last[0] is None or claim is None or claim[0] is None:
            return False  # no sink: a later one scans the stored feed
        return bool(last[0] > claim[0])

    def _let_go_of_changelog(self, connection: Connection, source: Source) -> None:
        row = connection.execute(
            statement(
                "changelog.size",
                name=sql.Literal(f"{own_schema.name()}.{sql.Identifier(source.changelog).as_string()}"),
            )
        ).fetchone()
        if row is None or (row[0] or 0) < self._changelog_limit_bytes:
            return
        for segment in source.segments:
            behind = connection.execute(
                statement(
                    "changelog.drop_cursors",
                    segment=sql.Identifier(segment),
                    table=sql.Literal(str(source.table)),
                )
            ).fetchall()
            for (feed,) in behind:
                log.warning("feed_fell_behind", feed=feed, changelog=source.changelog, bytes=row[0])

    def _let_go_of_log(self, connection: Connection, feed: FeedDefinition) -> None:
        behind = connection.execute(
            statement("sink_state.unclaim", log=sql.Identifier(feed.log)),
            {"feed": feed.name, "limit": self._log_limit_rows},
        ).fetchall()
        for (sink,) in behind:
            log.warning("sink_fell_behind", sink=sink, feed=feed.name)
