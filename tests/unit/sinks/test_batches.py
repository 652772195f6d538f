"""How a run of records is cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.record import Record
from tests.unit.sinks.target import record

_sizes = st.lists(st.integers(min_value=2, max_value=60), max_size=40)


@given(_sizes, st.integers(min_value=1, max_value=7), st.integers(min_value=1, max_value=120))
def test_no_record_is_lost_and_no_batch_is_too_large_or_needlessly_small(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    records = [record(number, b"9" * size) for number, size in enumerate(sizes)]
    batches = list(split(records, most, most_bytes))
    assert [r for batch in batches for r in batch] == records
    for batch in batches:
        assert 1 <= len(batch) <= most
        assert sum(r.size for r in batch) <= most_bytes or len(batch) == 1
    for batch, following in pairwise(batches):
        assert len(batch) == most or sum(r.size for r in batch) + following[0].size > most_bytes


def test_records_are_read_no_further_than_needed() -> None:
    read: list[int] = []

    def records() -> Iterator[Record]:
        for number in range(1000):
            read.append(number)
            yield record(number)

    next(split(records(), 10, 10**6))
    assert len(read) == 11
