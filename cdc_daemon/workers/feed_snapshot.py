"""Opens the transactions that write a feed: each has a snapshot that can be the feed's cursor."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager

from psycopg import sql

from cdc_daemon.capture.source import Source
from cdc_daemon.feeds.state import FeedState
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.incarnation_check import IncarnationCheck


class FeedSnapshot:
    """Locks what must not change during a transaction: the feed's row, and the definitions of its tables.

    Args:
        sources: the source tables of the feed.
        incarnation: reads the incarnation together with the snapshot, and notes the revision after the
            commit.
    """

    def __init__(
        self, connection: Session, sources: Collection[Source], incarnation: IncarnationCheck
    ) -> None:
        self._connection = connection
        self._incarnation = incarnation
        schema = own_schema.name()
        self._lock_sources = _lock([sql.Identifier(*source.table) for source in sources])
        self._lock_changelogs = _lock([sql.Identifier(schema, source.changelog) for source in sources])

    @contextmanager
    def open(self, *, keep_entries: bool = False) -> Generator[tuple[str, FeedState | None]]:
        """Open a transaction. Yields the snapshot and the locked row, or None if another daemon holds it.

        Args:
            keep_entries: whether to keep the rotator from emptying changelogs meanwhile. A cursor protects a
                feed's unread entries from the rotator; a feed that takes its first cursor has no such
                protection.
        """
        with self._connection.transaction():
            if self._lock_sources:
                self._connection.execute(self._lock_sources)
                if keep_entries:
                    self._connection.execute(self._lock_changelogs)
            until, locked = self._incarnation.lock()
            yield until, locked
        if locked is not None and (locked.cursor is not None or keep_entries):
            self._incarnation.note()


def _lock(tables: list[sql.Identifier]) -> bytes:
    return statement("sync.lock_sources", tables=sql.SQL(", ").join(tables)).as_bytes() if tables else b""
