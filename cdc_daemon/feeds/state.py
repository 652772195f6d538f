"""A feed's state row: its cursor, and the lock that admits one writer of the feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import sql

from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.incarnation import Incarnation, ReadableParts
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.redaction import hide


@dataclass(frozen=True)
class FeedState:
    """A feed's state row. See `cdc.feed_state` in sql/migrations; `cursor` is the text of a pg_snapshot.

    `cursor_is_old`: an idle pass moves the cursor too. `any_failed`: some entity is set aside. `failed_due`:
    some failed entity is due without a change. `table`: oid of the stored feed's table. `counted`: the
    stored counts of documents hold. `generation`: number of the last transaction that wrote the feed.
    """

    definition: str
    cursor: str | None
    fingerprint: str | None
    incarnation: str | None
    revision: int
    backlog_position: int
    backlog_end: int
    synced: bool
    cursor_is_old: bool
    any_failed: bool = False
    failed_due: bool = False
    table: str = ""
    counted: bool = False
    generation: int = 0

    @property
    def pass_number(self) -> int:
        """Number of the pass that holds the row: the generation as the pass will leave it."""
        return self.generation + 1

    @property
    def has_backlog(self) -> bool:
        """Whether entities wait in the backlog."""
        return self.backlog_entities > 0

    @property
    def backlog_entities(self) -> int:
        """Upper limit of the number of entities that wait in the backlog."""
        return max(0, self.backlog_end - self.backlog_position)


@dataclass(frozen=True)
class Counts:
    """Numbers of documents and tombstones.

    Attributes:
        anew: whether they are all that are stored; otherwise they are differences to the stored counts.
    """

    documents: int = 0
    tombstones: int = 0
    anew: bool = False


def snapshot(connection: Session) -> str:
    """Return the transaction's snapshot, which becomes the next cursor.

    Raises:
        CdcError: the transaction already has an xid, so its snapshot can't be a cursor.
    """
    return str(_snapshot(connection, statement("feed_state.snapshot"))[0])


def snapshot_and_incarnation(connection: Session, readable: ReadableParts) -> tuple[str, Incarnation]:
    """Return the transaction's snapshot and the database's incarnation.

    Args:
        readable: the parts of the incarnation that the server reveals.

    Raises:
        CdcError: the transaction already has an xid, so its snapshot can't be a cursor.
    """
    query = statement("feed_state.snapshot_and_incarnation", **readable.pieces)
    cursor, *parts = _snapshot(connection, query)
    return cursor, Incarnation.of(*parts)


def _snapshot(connection: Session, query: sql.Composed) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    if row is None or not row[1]:
        raise CdcError("the transaction wrote before its snapshot was taken", hint="report this as a bug")
    return str(row[0]), *row[2:]


def lock(connection: Session, feed: str) -> FeedState | None:
    """Lock the feed's row for this transaction; None if another transaction has it or it does not exist.

    Raises:
        psycopg.errors.SerializationFailure: the feed was written after our snapshot; repeat the transaction.
    """
    row = connection.execute(statement("feed_state.lock"), {"feed": feed}).fetchone()
    if row is None:
        return None
    definition, cursor, fingerprint, incarnation, revision, position, end, synced_at, old, *rest = row
    failed, due, table, counted, generation = rest
    return FeedState(
        definition,
        cursor,
        fingerprint,
        incarnation,
        revision,
        position,
        end,
        synced_at is not None,
        bool(old),
        failed,
        due,
        str(table),
        counted,
        generation,
    )


def advance(
    connection: Session,
    feed: str,
    *,
    cursor: str,
    process: str,
    counts: Counts,
    revision: int = 0,
    backlog_end: int = 0,
    last_pass: dict[str, object] | None = None,
    history: Mapping[str, object] | None = None,
) -> None:
    """End a pass: move the cursor and record the result of the pass.

    Args:
        process: the process that made it (see `cdc_daemon.workers.lease`).
        history: parameters of `document_history.pass`; None: the history keeps nothing of the pass.
    """
    _end(
        connection,
        "feed_state.advance",
        {
            "feed": feed,
            "cursor": cursor,
            "revision": revision,
            "backlog_end": backlog_end,
            "last_pass": _json(last_pass),
            "process": process,
            **_counted(counts),
        },
        history,
    )


def begin(
    connection: Session,
    feed: str,
    *,
    cursor: str,
    fingerprint: str,
    parts: Mapping[str, Sequence[str]],
    incarnation: str,
    backlog_end: int,
    revision: int,
    process: str,
) -> None:
    """Set a first cursor. All entities are in the backlog.

    Args:
        process: name of this process, which follows the feed from now on.
        revision: the feed's next revisions are above this one.
    """
    connection.execute(
        statement("feed_state.begin"),
        {
            "feed": feed,
            "cursor": cursor,
            "fingerprint": fingerprint,
            "parts": orjson.dumps(dict(parts)).decode(),
            "incarnation": incarnation,
            "backlog_end": backlog_end,
            "revision": revision,
            "process": process,
        },
    )


def drained(
    connection: Session,
    feed: str,
    *,
    position: int,
    revision: int,
    process: str,
    counts: Counts,
    last_pass: dict[str, object] | None,
    history: Mapping[str, object] | None = None,
) -> None:
    """End a chunk of the backlog and record its result (see `advance`)."""
    _end(
        connection,
        "feed_state.drained",
        {
            "feed": feed,
            "position": position,
            "revision": revision,
            "last_pass": _json(last_pass),
            "process": process,
            **_counted(counts),
        },
        history,
    )


def _end(
    connection: Session, query: str, parameters: dict[str, object], history: Mapping[str, object] | None
) -> None:
    ended = statement(query)
    if history is not None:
        ended = statement("document_history.pass", ended=ended, segment=statement("document_history.segment"))
        parameters = {**history, **parameters}
    connection.execute(ended, parameters)


def _counted(counts: Counts) -> dict[str, object]:
    return {"documents": counts.documents, "tombstones": counts.tombstones, "anew": counts.anew}


def _json(fields: dict[str, object] | None) -> str | None:
    return orjson.dumps(fields).decode() if fields is not None else None


def fingerprint_parts(connection: Session, feed: str) -> Mapping[str, Sequence[str]] | None:
    """Return the parts of the fingerprint of a feed's cursor; None if they were not recorded."""
    row = connection.execute(statement("feed_state.fingerprint_parts"), {"feed": feed}).fetchone()
    return row[0] if row else None


def tell_uncaptured(connection: Session, feed: str, reason: str | None) -> None:
    """Record the table that can't be captured yet and the transactions that hold it; None clears it."""
    connection.execute(
        statement("feed_state.uncaptured"), {"feed": feed, "reason": None if reason is None else hide(reason)}
    )


def stop(connection: Session, feed: str, reason: str, *, retry_seconds: float | None) -> None:
    """Record the reason why the feed is stopped, and when it is tried again. Its cursor stays."""
    connection.execute(
        statement("feed_state.stop"), {"feed": feed, "reason": hide(reason), "seconds": retry_seconds}
    )
