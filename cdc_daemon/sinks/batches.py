"""Splits records into batches within the limits of a sink."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import TypeVar

from cdc_daemon.sinks.record import Record

Item = TypeVar("Item")

_record_size: Callable[[Record], int] = attrgetter("size")


def split(records: Iterable[Record], max_records: int, max_bytes: int) -> Iterator[list[Record]]:
    """Yield the records in the same order, in batches that are not empty.

    Args:
        max_records: largest number of records in a batch.
        max_bytes: largest sum of `Record.size` in a batch. A larger record is a batch of its own.
    """
    return split_by(_record_size, records, max_records, max_bytes)


def split_by(
    size_of: Callable[[Item], float], items: Iterable[Item], most: int, max_bytes: int
) -> Iterator[list[Item]]:
    """Do the same for other items with sizes."""
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
