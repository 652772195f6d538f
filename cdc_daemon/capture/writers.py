"""Waits for transactions that may still run an older capture function."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

Writers = frozenset[tuple[str, int | None]]


def writers(connection: Session, relations: Iterable[int]) -> Writers:
    """Return transactions that may be writing these tables or partitions, as (virtual transaction, pid).

    They include prepared transactions, which have no pid.
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
    """Return after every transaction that writes these tables now has ended.

    `install` replaces a capture function without a lock. A transaction that is open then may have run the old
    body, which does not capture the columns that a new feed needs. If the feed took its first cursor before
    that transaction commits, it would miss these rows. So wait first, then take the cursor.

    Args:
        relations: oids of the tables.
        pause: waits so many seconds; returns true to give up.
        waiting: called with the remaining transactions whenever they change.

    Returns:
        False if `pause` gave up.
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
