"""The history of documents: the revisions of one, what caused them, and when each sink got them.

A daemon writes it while `[history] enabled` is true (docs/decisions/0041-history-by-the-pass.md): a row for
each pass, each statement that changed documents, and each delivered page. It knows some things as a whole:

- The causes are those of the pass. If it read several transactions, one or more of them changed the document.
- The revisions of a document form a chain, from the present one back. A revision that was stored while the
  history was off, or that was dropped, ends the chain.
- A page of a scan names no document: the time of the first page whose range has the revision is the time when
  the scan had begun to deliver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdc_daemon.capture.causes import Cause
from cdc_daemon.feeds.hashed_documents import Entity
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.pass_history import digest

__all__ = ["Cause", "Recomputation", "Request", "Revision", "SinkDelivery"]


@dataclass(frozen=True)
class Request:
    """Why a chunk of the backlog recomputed entities.

    Attributes:
        number: the request (cdc.resync.id).
        reason: `first sync`, `large delta`, `resync` …
        causes: what the pass had read that made the request; empty if no pass did.
        transactions: number of all these transactions.
    """

    number: int
    reason: str
    causes: Sequence[Cause] = ()
    transactions: int = 0


@dataclass(frozen=True)
class Revision:
    """One stored revision of a document.

    Attributes:
        deleted: whether it is a tombstone: the query no longer returned the document.
        changed_fields: names of the fields that changed; None if the document was new, so all of them.
        pass_id: number of the pass (feed_state.generation after it).
        captured_at: when the oldest change of the pass was captured; None for a chunk of the backlog.
        stored_at: when the pass stored it.
        causes: the transactions that the pass read, for each table those with most rows, at most
            `MOST_CAUSES`.
        transactions: number of all transactions that the pass read, counted for each table.
        requests: for a chunk of the backlog, the requests that it served.
    """

    revision: int
    deleted: bool
    changed_fields: Sequence[str] | None
    pass_id: int
    captured_at: datetime | None
    stored_at: datetime
    causes: Sequence[Cause] = ()
    transactions: int = 0
    requests: Sequence[Request] = ()


@dataclass(frozen=True)
class Recomputation:
    """A pass that recomputed an entity.

    Attributes:
        pass_id, at, causes, transactions, requests: see `Revision`.
        after_revision, last_revision: the revisions that the pass gave out are above the first and up to the
            second; none if both are equal. If none of them is the document's, the document did not change.
    """

    pass_id: int
    at: datetime
    after_revision: int
    last_revision: int
    causes: Sequence[Cause] = ()
    transactions: int = 0
    requests: Sequence[Request] = ()

    def changed(self, revision: int) -> bool:
        """Whether the pass may have stored this revision."""
        return self.after_revision < revision <= self.last_revision


@dataclass(frozen=True)
class SinkDelivery:
    """One delivery of a revision to a sink, or one attempt.

    Attributes:
        kind: `page` (a page of changes that has the revision; if a later one was stored before the page was
            read, the sink got that one), `scan` (a page of a scan of the stored feed, which sends what is
            newest), `taken` or `refused` (the record, at an attempt of its own).
        answer: the receiver's words for a refusal.
        snapshot: number of the full snapshot that the scan belonged to.
        records: number of records that the sink took with it.
    """

    sink: str
    kind: str
    delivered_at: datetime
    answer: str | None
    snapshot: int | None
    records: int


def revisions(connection: Connection, feed: str, revision: int, *, limit: int = 20) -> list[Revision]:
    """Return the revisions of a document, the newest first, as far back as the history knows them.

    Args:
        revision: the document's present revision, as stored (tombstones have one, too).
        limit: largest number of revisions.
    """
    parameters = {"feed": feed, "revision": revision, "limit": limit}
    rows = connection.execute(statement("document_history.revisions"), parameters).fetchall()
    requests = _requests(connection, feed, [served for *_, served in rows])
    return [
        Revision(
            number,
            changed == [],
            changed,
            pass_id,
            captured_at,
            stored_at,
            _causes(causes),
            transactions,
            [requests[each] for each in served or () if each in requests],
        )
        for number, changed, pass_id, captured_at, stored_at, transactions, causes, served in rows
    ]


def recomputations(
    connection: Connection, feed: str, entity: Entity, *, limit: int = 20
) -> list[Recomputation]:
    """Return the passes that recomputed an entity, the newest first.

    Passes with more than `MOST_TOUCHED` entities are not among them.

    Args:
        entity: the values of the entity columns, as PostgreSQL writes them.
    """
    parameters = {"feed": feed, "digest": digest(feed, entity), "limit": limit}
    rows = connection.execute(statement("document_history.recomputations"), parameters).fetchall()
    requests = _requests(connection, feed, [served for *_, served in rows])
    return [
        Recomputation(
            pass_id,
            at,
            after,
            last,
            _causes(causes),
            transactions,
            [requests[each] for each in served or () if each in requests],
        )
        for pass_id, at, after, last, transactions, causes, served in rows
    ]


def deliveries(connection: Connection, feed: str, revision: int, *, limit: int = 20) -> list[SinkDelivery]:
    """Return the deliveries of a revision to every sink, the latest first.

    Args:
        limit: largest number of rows to look at for each sink.
    """
    parameters = {"feed": feed, "revision": revision, "limit": limit}
    return [
        SinkDelivery(sink, kind, at, answer, snapshot, records)
        for sink, kind, at, answer, snapshot, records in connection.execute(
            statement("document_history.deliveries"), parameters
        )
    ]


def known_since(connection: Connection) -> datetime | None:
    """Return since when the history has rows; None if it is empty."""
    row = connection.execute(statement("document_history.began")).fetchone()
    return row[0] if row else None


def _requests(
    connection: Connection, feed: str, served: Sequence[Sequence[int] | None]
) -> Mapping[int, Request]:
    numbers = sorted({number for each in served for number in each or ()})
    if not numbers:
        return {}
    rows = connection.execute(
        statement("document_history.requests"), {"feed": feed, "requests": numbers}
    ).fetchall()
    return {
        number: Request(number, reason, _causes(causes or ()), transactions or 0)
        for number, reason, causes, transactions in rows
    }


def _causes(stored: Sequence[Any]) -> list[Cause]:
    return [Cause.read(each) for each in stored]
