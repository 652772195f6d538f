"""Waiting for writers that still run an older capture function."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

Writers = frozenset[tuple[str, int | None]]


def writers(connection: Session, relations: Iterable[int]) -> Writers:
    """Transactions that may be writing these tables (or their partitions): (virtual transaction, pid).

    Prepared transactions are among them, with no pid.
    """
    tree = connection.execute(statement("capture.relation_tree"), {"relations": list(relations)}).fetchone()
    rows = connection.execute(statement("capture.writers"), {"relations": tree[0] if tree else []}).fetchall()
    return frozenset((transaction, pid) for transaction, pid in rows)


def await_old_writers(
    connection: Session,
    relations: Iterable[int],
    *,
    pause: Callable[[float], bool],
    waiting: Callable[[Writers], None],
) -> bool:
    """Return once every transaction that writes these tables now has ended.

    A capture function is replaced without a lock. A transaction that was open then may have run the old body,
    which knows nothing of the columns that a new feed needs; a first cursor taken before it commits would
    lie before its rows, and the new body never saw them. So: first wait, then take the cursor.

    Args:
        pause: waits so many seconds; true when the wait is to be given up.
        waiting: told who is still waited for, whenever that changes.

    Returns:
        False if the wait was given up.
    """
    relations = list(relations)
    old = writers(connection, relations)
    told: Writers = frozenset()
    seconds = 0.01
    while old:
        if old != told:
            waiting(old)
            told = old
        if pause(seconds):
            return False
        seconds = min(seconds * 2, 0.5)
        old &= writers(connection, relations)
    return True
