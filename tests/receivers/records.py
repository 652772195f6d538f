"""Records as the daemon makes them, and how it hands them over."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cdc_daemon.errors import RecordsRefused
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Sink
from tests.receivers.receiver import key_of

FEED = "products"


def upsert(sku: str, revision: int, data: bytes | None = None) -> Record:
    document = json.dumps({"name": f"{sku} {revision}"}).encode() if data is None else data
    return Record(
        FEED,
        key(sku),
        "upsert",
        revision,
        f"{revision:064x}",
        ("name",),
        "2025-01-02T03:04:05.678901Z",
        document,
    )


def delete(sku: str, revision: int) -> Record:
    return Record(FEED, key(sku), "delete", revision, None, (), "2025-01-02T03:04:05.678901Z", None)


def key(sku: str) -> bytes:
    return json.dumps({"sku": sku}, ensure_ascii=False).encode()


def deliver(sink: Sink, records: Sequence[Record]) -> set[str]:
    """Hand records over as the daemon does; returns the keys of those that were refused."""
    refused: set[str] = set()
    for batch in split(records, sink.batch_records, sink.batch_bytes):
        try:
            refused |= {key_of(refusal.key) for refusal in sink.deliver(FEED, batch)}
        except RecordsRefused:
            middle = len(batch) // 2
            halves = (batch[:middle], batch[middle:]) if middle else ()
            refused |= set().union(*(deliver(sink, half) for half in halves)) or {key_of(batch[0].key)}
    return refused
