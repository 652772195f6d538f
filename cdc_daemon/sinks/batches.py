"""Cut a run of records into batches that a sink will take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cdc_daemon.sinks.record import Record


def split(records: Iterable[Record], max_records: int, max_bytes: int) -> Iterator[list[Record]]:
    """The same records in the same order, in batches; none is empty.

    Args:
        max_records: most records in a batch.
        max_bytes: most bytes of `Record.size` in a batch; a single larger record goes alone.
    """
    batch: list[Record] = []
    filled = 0
    for record in records:
        size = record.size
        if batch and (len(batch) >= max_records or filled + size > max_bytes):
            yield batch
            batch, filled = [], 0
        batch.append(record)
        filled += size
    if batch:
        yield batch
