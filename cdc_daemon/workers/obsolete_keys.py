"""Keys under which a sink holds documents, and that the feed no longer has (`cdc.obsolete_key`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from psycopg import sql

from cdc_daemon.feeds.changes import Changes
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class ObsoleteKeys:
    """The obsolete keys of one sink and feed.

    Attributes:
        held: opens a transaction that holds the lease; raises if another daemon has taken it.
    """

    connection: Session
    sink: str
    changes: Changes
    held: Callable[[], AbstractContextManager[None]]

    def discard_stored(self) -> bool:
        """Remove keys that the feed has again. Return whether others are left."""
        if self._any():
            query = statement(
                "obsolete_key.discard_stored",
                table=sql.Identifier(self.changes.feed.table),
                key_object=self.changes.key_object,
            )
            with self.held():
                self.connection.execute(query, self._delivery)
        return self._any()

    def next(self, limit: int) -> tuple[int, Mapping[bytes, int | None]]:
        """Return the next keys to delete (JSON, as delivered), after the number to call `delivered` with.

        Returns:
            The number, and by key the revision of the delete, or None if a full snapshot deletes the key.
        """
        rows = self.connection.execute(
            statement("obsolete_key.next"), {**self._delivery, "limit": limit}
        ).fetchall()
        return (rows[0][0] if rows else 0), {key.encode(): revision for _, key, revision in rows}

    def delivered(self, last: int) -> None:
        """Record that the sink has the deletes up to this number."""
        with self.held():
            self.connection.execute(statement("obsolete_key.delivered"), {**self._delivery, "last": last})

    def _any(self) -> bool:
        row = self.connection.execute(statement("obsolete_key.any"), self._delivery).fetchone()
        return bool(row and row[0])

    @property
    def _delivery(self) -> dict[str, object]:
        return {"sink": self.sink, "feed": self.changes.feed.name}
