"""Counts a feed's documents in the transaction that writes them, so that nobody has to count its rows."""

from __future__ import annotations

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.recompute import Recomputed
from cdc_daemon.feeds.state import Counts, FeedState
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement


def counts_after(
    connection: Session, feed: FeedDefinition, locked: FeedState, written: Recomputed | None = None
) -> Counts:
    """Return the counts to store with a transaction that has written these documents.

    It counts the rows only if the stored counts do not hold: after an upgrade, or after a daemon of an
    earlier version has written.
    """
    if not locked.counted:
        row = connection.execute(statement("feed.count", feed=sql.Identifier(feed.table))).fetchone()
        documents, tombstones = row or (0, 0)
        return Counts(documents, tombstones, anew=True)
    if written is None:
        return Counts()
    return Counts(
        written.created + written.revived - written.deletes,
        written.deletes - written.revived,
    )
