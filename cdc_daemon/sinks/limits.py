"""What a sink takes at once and in a second, as a person has set it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one configured sink.

    Attributes:
        batch_records: most records in a request (for a sink without requests: in a batch).
        batch_bytes: most bytes of keys and documents in it; a single larger record still goes, alone.
        requests_per_second: most requests in a second, over all feeds; None for no limit.
        ending_requests: requests that end the full snapshot of one feed.
    """

    batch_records: int
    batch_bytes: int
    requests_per_second: float | None = None
    ending_requests: int = 0
