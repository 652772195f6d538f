"""The versions of a document that a target may have, for patches: `cdc.delivered_document`.

The daemon writes them before a send and after its answer. So after a crash in between, both versions are
there: the acknowledged one, and the one that may have arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from psycopg import sql

from cdc_daemon.feeds.key_id import key_id
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.sinks.record import Record

_ID = key_id(sql.SQL("w.key::pg_catalog.jsonb"))

MOST_DOCUMENTS = 8
"""Number of unanswered sends of a document after which its versions are unknown and it goes as a whole."""


@dataclass(frozen=True)
class DeliveredDocuments:
    """The delivered documents of one sink and feed.

    Attributes:
        held: opens a transaction that holds the lease; raises if another daemon has taken it.
    """

    connection: Session
    sink: str
    feed: str
    held: Callable[[], AbstractContextManager[None]]

    def sending(self, records: Sequence[Record]) -> list[Record]:
        """Record records before their send.

        Return them with the versions that the target may have (`previous`).
        """
        if not records:
            return []
        with self.held():
            rows = self.connection.execute(
                statement("delivered_document.sending", id=_ID),
                {**self._delivery, **_documents(records), "most": MOST_DOCUMENTS},
            ).fetchall()
        before: dict[str, list[str | None]] = dict(rows)
        return [replace(record, previous=_previous(before.get(record.key.decode()))) for record in records]

    def taken(self, records: Sequence[Record]) -> None:
        """Record that the target has exactly these documents now."""
        present = [record for record in records if record.data is not None]
        gone = [record.key.decode() for record in records if record.data is None]
        with self.held():
            if present:
                self.connection.execute(
                    statement("delivered_document.taken", id=_ID), {**self._delivery, **_documents(present)}
                )
            if gone:
                self.connection.execute(
                    statement("delivered_document.gone", id=_ID), {**self._delivery, "keys": gone}
                )

    def forget(self) -> None:
        """Forget all versions: what the target has is unknown."""
        with self.held():
            self.connection.execute(statement("delivered_document.forget_of"), self._delivery)

    @property
    def _delivery(self) -> dict[str, object]:
        return {"sink": self.sink, "feed": self.feed}


def _documents(records: Sequence[Record]) -> dict[str, object]:
    return {
        "keys": [record.key.decode() for record in records],
        "documents": [None if record.data is None else record.data.decode() for record in records],
    }


def _previous(documents: Sequence[str | None] | None) -> tuple[bytes, ...]:
    if documents is None or None in documents:
        return ()
    return tuple(document.encode() for document in documents if document is not None)
