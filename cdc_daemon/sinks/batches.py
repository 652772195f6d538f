"""Cut a run of records into batches that a sink will take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import TypeVar

from cdc_daemon.sinks.record import Record

Item = TypeVar("Item")

_record_size: Callable[[Record], int] = attrgetter("size")


def split(records: Iterable[Record], max_records: int, max_bytes: int) -> Iterator[list[Record]]:
    """The same records in the same order, in batches; none is empty.

    Args:
        max_records: most records in a batch.
        max_bytes: most bytes of `Record.size` in a batch; a single larger record goes alone.
    """
    return split_by(_record_size, records, max_records, max_bytes)


def split_by(
    size_of: Callable[[Item], float], items: Iterable[Item], most: int, max_bytes: int
) -> Iterator[list[Item]]:
    """The same for whatever stands for records, such as their sizes."""
    batch: list[Item] = []
    filled = 0.0
    for item in items:
        size = size_of(item)
        if batch and (len(batch) >= most or filled + size > max_bytes):
            yield batch
            batch, filled = [], 0.0
        batch.append(item)
        filled += size
    if batch:
        yield batch
