"""A record to deliver."""

from __future__ import annotations

from cdc_daemon.sinks.record import Record


def record(number: int, data: bytes | None = b'{"a":1}', feed: str = "products") -> Record:
    return Record(
        feed=feed,
        key=b'{"sku":"p%d"}' % number,
        op="delete" if data is None else "upsert",
        revision=number,
        hash=None if data is None else "00" * 32,
        changed=() if data is None else ("a",),
        captured_at="2025-01-02T03:04:05.678901+00:00",
        data=data,
    )
