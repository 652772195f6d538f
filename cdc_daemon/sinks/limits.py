"""Limits of a sink: sizes of batches, and requests per second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one configured sink.

    Attributes:
        batch_records: largest number of records in a request (or batch, for a sink without requests).
        batch_bytes: largest number of bytes of keys and documents in it. A larger record is sent alone.
        requests_per_second: largest number of requests per second, for all feeds; None for no limit.
        ending_requests: number of requests that end the full snapshot of one feed.
    """

    batch_records: int
    batch_bytes: int
    requests_per_second: float | None = None
    ending_requests: int = 0
