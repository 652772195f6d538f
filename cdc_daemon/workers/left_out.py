"""Ranges of a backlog that are left out: the entities of resyncs that a person has paused or cancelled.

All of this runs inside a transaction that holds the feed's state row.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

NO_LIMIT = (1 << 63) - 1
"""Above every position."""


@dataclass(frozen=True)
class Span:
    """Positions between which no entity is left out; both are excluded."""

    after: int
    before: int = NO_LIMIT


def next_span(connection: Session, feed: str, position: int) -> Span:
    """Return the next positions to recompute after this one.

    A position is moved over a range as a whole: to look at each of a million entities that are left out would
    hold up every chunk.
    """
    rows = connection.execute(statement("resync.left_out"), {"feed": feed, "after": position}).fetchall()
    for first, last in rows:
        if first > position + 1:
            return Span(position, first)
        position = max(position, last)
    return Span(position)


def empty(connection: Session, feed: str, backlog: str) -> None:
    """Empty a backlog whose entities are all recomputed or cancelled, unless somebody reads it now.

    The entities of a paused resync stay: `resume` queues them again.

    Args:
        backlog: name of the table.
    """
    row = connection.execute(statement("resync.keeps_backlog"), {"feed": feed}).fetchone()
    if row and row[0]:
        return
    table = sql.Identifier(backlog)
    try:
        with connection.transaction():
            connection.execute(statement("feed.lock_backlog", backlog=table))
            connection.execute(statement("feed.empty_backlog", backlog=table))
    except psycopg.errors.LockNotAvailable:
        return  # a dump or a status query reads the backlog: empty it after the next chunk
