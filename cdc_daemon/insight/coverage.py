"""What was verified, and when?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.verified import why_feeds_are_not, why_receiver_is_not


@dataclass(frozen=True)
class Coverage:
    """How far the verification in the background has come with a feed, or with a receiver.

    Attributes:
        sink: name of the sink whose receiver is read; None for the stored documents.
        documents, records, differences, began_at: of the present round; `began_at` is None between two
            rounds. `records` were read from the receiver; it compares documents when it has read all of them.
        waiting: number of documents that differ and that a change on its way may explain.
        finished_at: end of the last whole round, or None.
        last_seconds, last_documents, last_differences: of that round, or None.
        failure: why it could not go on the last time, or None.
        not_covered: why the daemon does not verify this at all; None if it does.
    """

    feed: str
    sink: str | None
    documents: int
    records: int
    differences: int
    waiting: int
    began_at: datetime | None
    finished_at: datetime | None
    last_seconds: float | None
    last_documents: int | None
    last_differences: int | None
    failure: str | None
    not_covered: str | None = None

    @property
    def within_seconds(self) -> float | None:
        """Duration in which all documents were verified the last time; None if they never were."""
        return self.last_seconds


def read_coverage(connection: Connection, settings: Settings) -> list[Coverage]:
    """Return the coverage of every feed and receiver, ordered by feed, the stored documents first.

    A feed or receiver that was not yet begun is missing. One that the daemon does not verify has the reason.
    """
    rows = connection.execute(statement("verification.coverage")).fetchall()
    left_out = {sink: why_receiver_is_not(settings, sink) for sink in settings.sinks}
    left_out_feeds = why_feeds_are_not(settings)

    def reason(sink: str | None) -> str | None:
        return left_out_feeds if sink is None else left_out.get(sink)

    found = [Coverage(*row) for row in rows if not reason(row[1])]
    found += [
        _uncovered(name, sink, why)
        for name, feed in settings.feeds.items()
        for sink in (None, *feed.sinks)
        if (why := reason(sink))
    ]
    return sorted(found, key=lambda each: (each.feed, each.sink or ""))


def _uncovered(feed: str, sink: str | None, reason: str) -> Coverage:
    return Coverage(feed, sink, 0, 0, 0, 0, None, None, None, None, None, None, reason)
