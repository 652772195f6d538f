"""What was verified, and when?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class Coverage:
    """How far the verification in the background has come with a feed, or with a receiver.

    Attributes:
        sink: name of the sink whose receiver is read; None for the stored documents.
        documents, differences, began_at: of the present round; `began_at` is None between two rounds.
        waiting: number of documents that differ and that a change on its way may explain.
        finished_at: end of the last whole round, or None.
        last_seconds, last_documents, last_differences: of that round, or None.
        failure: why it could not go on the last time, or None.
    """

    feed: str
    sink: str | None
    documents: int
    differences: int
    waiting: int
    began_at: datetime | None
    finished_at: datetime | None
    last_seconds: float | None
    last_documents: int | None
    last_differences: int | None
    failure: str | None

    @property
    def within_seconds(self) -> float | None:
        """Duration in which all documents were verified the last time; None if they never were."""
        return self.last_seconds


def read_coverage(connection: Connection) -> list[Coverage]:
    """Return the coverage of every feed and receiver, ordered by feed, the stored documents first."""
    return [Coverage(*row) for row in connection.execute(statement("verification.coverage")).fetchall()]
