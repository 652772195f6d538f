"""The contract of every sink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cdc_daemon.sinks.record import Record


class Sink(Protocol):
    """A target that takes records of any feed, per key in order.

    One thread calls it. `deliver` returns only when the target has the records for good (a file: after
    fsync; HTTP: after a 2xx), because the caller then moves the cursor for good.
    """

    name: str
    batch_records: int
    """At most this many records a call of `deliver`."""
    batch_bytes: int
    """At most about this many bytes of documents a call; a single larger document still goes alone."""
    timeout_seconds: float
    """The longest that one `deliver` may take; leases are made longer than this."""

    def deliver(self, feed: str, records: Sequence[Record]) -> None:
        """Hand over records of one feed, in order; all or (at least once) again.

        Raises:
            SinkUnavailable: nothing can be taken now; the same call is made again later.
            RecordsRefused: the target understood and refused; the same bytes would be refused again.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; a later `deliver` may open them again."""
        ...
