"""The last passes of a feed, from the history of documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from cdc_daemon.capture.causes import Cause
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class PassStatus:
    """A pass that recomputed something.

    Attributes:
        number: feed_state.generation after it; log lines have it as `pass`.
        kind: `fresh`, or `backlog` for a chunk of the backlog.
        captured_at: when the oldest change was captured; None for a chunk.
        stored_at: when the pass stored its documents.
        lag_seconds: from the first to the second; None for a chunk.
        entities, documents: number of recomputed entities, and of their documents.
        upserts, deletes, unchanged: what became of these documents.
        tables: number of changed rows by table, as far as the pass names its transactions.
        transactions: number of transactions that it read, counted for each table.
    """

    number: int
    kind: str
    captured_at: datetime | None
    stored_at: datetime
    lag_seconds: float | None
    entities: int
    documents: int
    upserts: int
    deletes: int
    unchanged: int
    tables: Mapping[str, int]
    transactions: int


def last_passes(connection: Connection, feed: str, *, limit: int = 20) -> Sequence[PassStatus]:
    """Return the last passes of a feed that recomputed something, the latest first.

    There are none while `[history] enabled` is false.
    """
    with connection.cursor(row_factory=dict_row) as asked:
        rows = asked.execute(
            statement("document_history.last_passes"), {"feed": feed, "limit": limit}
        ).fetchall()
    return [_pass(**row) for row in rows]


def _pass(
    *,
    number: int,
    kind: str,
    captured_at: datetime | None,
    stored_at: datetime,
    entities: int,
    documents: int,
    upserts: int,
    deletes: int,
    causes: Sequence[Sequence[Any]],
    transactions: int,
) -> PassStatus:
    tables: dict[str, int] = {}
    for each in causes:
        cause = Cause.read(each)
        tables[cause.table] = tables.get(cause.table, 0) + (cause.rows or 0)
    return PassStatus(
        number,
        kind,
        captured_at,
        stored_at,
        None if captured_at is None else round(max((stored_at - captured_at).total_seconds(), 0.0), 3),
        entities,
        documents,
        upserts,
        deletes,
        max(documents - upserts, 0),
        tables,
        transactions,
    )
