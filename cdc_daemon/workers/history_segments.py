"""Bounds the history of documents: its oldest rows go by TRUNCATE of a whole segment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from cdc_daemon.log import get_logger
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

SEGMENTS = 8
"""Number of segments (see sql/migrations/0021_history.sql)."""

PARTS = ("pass", "change", "delivery")

log = get_logger()


@dataclass(frozen=True)
class _Segment:
    """A segment; `seconds` since it ended, or since it began if it takes rows now."""

    number: int
    began_at: datetime
    ended_at: datetime | None
    seconds: float
    bytes: int


@dataclass(frozen=True)
class HistoryBounds:
    """How much history to keep.

    Attributes:
        days: rows that are older go, at the latest an eighth of this later.
        max_bytes: largest size of all its tables and indexes. Between two rounds it may grow above.
        audit_days: how long the acts of persons stay.
    """

    days: float
    max_bytes: int
    audit_days: int = 365

    @property
    def _seconds(self) -> float:
        return self.days * 86_400

    def keep(self, connection: Connection) -> None:
        """Empty the segments that are too old or too many, and let the next one take rows if it is time.

        A segment that some transaction writes or reads is left until the next round.
        """
        current, *others = (
            _Segment(*row) for row in connection.execute(statement("document_history.segments"))
        )
        over = current.seconds > self._seconds / (SEGMENTS - 1) or current.bytes > self.max_bytes // SEGMENTS
        old = list(others)
        total = sum(each.bytes for each in (current, *old))
        while old and (
            old[-1].seconds > self._seconds
            or total > self.max_bytes
            or (over and len(old) == SEGMENTS - 1)  # the next segment must be empty
        ):
            oldest = old.pop()
            if not _empty(connection, oldest.number):
                return
            log.info("history_dropped", until=str(oldest.ended_at), bytes=oldest.bytes)
            total -= oldest.bytes
        if over:
            following = {"number": (current.number + 1) % SEGMENTS, "after": current.began_at}
            connection.execute(statement("document_history.begin_segment"), following)


def _empty(connection: Connection, number: int) -> bool:
    """Empty a segment. Return False if its lock was not granted at once: nobody waits behind this."""
    tables = sql.SQL(", ").join(sql.Identifier(own_schema.name(), name) for name in _tables(number))
    try:
        with connection.transaction():
            connection.execute(statement("document_history.lock_segment", tables=tables))
            connection.execute(statement("document_history.empty_segment", tables=tables))
            connection.execute(statement("document_history.mark_empty"), {"number": number})
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def segment_tables() -> list[str]:
    """Return the names of the tables of all segments."""
    return [name for number in range(SEGMENTS) for name in _tables(number)]


def _tables(number: int) -> list[str]:
    return [f"history_{part}_{number}" for part in PARTS]
