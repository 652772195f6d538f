"""From counts, samples and limits to requests and seconds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.estimate.arithmetic import (
    STORING,
    Range,
    delivery_seconds,
    longest,
    mean_size,
    recompute_seconds,
    requests,
)
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.limits import Limits
from tests.unit.sinks.target import record

SMALL = Range.exactly(1000)
NO_LIMIT = 1 << 40

PUBLISHED = [
    # feed, documents, batch, requests, minutes
    ("products", 10_000 * 4, 100, 400, 3.3),
    ("categories", 500 * 4, 100, 20, 0.2),  # the page says 4 s, which is not 20 requests at 2 a second
    ("prices", 10_000 * 6 * 2, 500, 240, 2.0),
    ("productOverrides", 10_000 * 5 * 2, 100, 1000, 8.3),
    ("variants", 100_000, 100, 1000, 8.3),
    ("categoryPermissions", 10_000, 100, 100, 0.8),
    ("inventoryStockStatus", 10_000 * 5, 100, 500, 4.2),
    ("orders", 10_000, 100, 100, 0.8),
]
"""The estimate that Adobe publishes for its data export: 2 requests a second."""


@pytest.mark.parametrize(("feed", "documents", "batch", "number", "minutes"), PUBLISHED)
def test_the_published_estimate_comes_out(
    feed: str, documents: int, batch: int, number: int, minutes: float
) -> None:
    limits = Limits(batch, NO_LIMIT, requests_per_second=2)
    found = requests(documents, SMALL, [[1000]], limits)
    assert found == Range.exactly(number)
    delivering = delivery_seconds(found, limits)
    assert delivering is not None
    assert round(delivering.likely / 60, 1) == minutes


def test_the_four_defaults_of_permissions_make_one_request_more_than_published() -> None:
    assert requests(10_004, SMALL, [[1000]], Limits(100, NO_LIMIT)).likely == 101


def test_a_sink_without_a_rate_has_no_time_of_its_own() -> None:
    assert delivery_seconds(Range.exactly(10), Limits(100, NO_LIMIT)) is None


def test_no_documents_make_no_requests_and_take_as_long_as_finding_that_out() -> None:
    assert requests(0, mean_size([], 0), [], Limits(100, 1000)) == Range.exactly(0)
    assert recompute_seconds(0, [], 0.5) == Range.exactly(0.5)


@given(
    st.lists(st.integers(min_value=3, max_value=60), min_size=1, max_size=60),
    st.integers(min_value=1, max_value=7),
    st.integers(min_value=1, max_value=120),
)
def test_documents_that_are_all_in_the_sample_are_packed_as_the_daemon_does(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    records = [record(number, b"9" * size) for number, size in enumerate(sizes)]
    packed = [each.size for each in records]
    found = requests(len(records), mean_size([packed], len(records)), [packed], Limits(most, most_bytes))
    assert found.likely == len(list(split(records, most, most_bytes)))
    assert found.low <= found.likely <= found.high


def test_bytes_fill_a_request_before_records_do() -> None:
    size = Range(900, 1000, 1200)
    found = requests(100_000, size, [[1000] * 50], Limits(500, 100_000))
    assert found == Range(901, 1000, 1205)  # 111, 100 and 83 records in each


def test_a_document_that_is_larger_than_a_request_goes_alone() -> None:
    found = requests(3000, Range.exactly(1000), [[10, 10, 2980]], Limits(500, 2000))
    assert found.likely == 2000


def test_a_sample_of_everything_leaves_no_range() -> None:
    assert mean_size([[1, 2], [3, 6]], documents=4) == Range.exactly(3)


def test_documents_that_resemble_each_other_within_a_run_say_less() -> None:
    alike = mean_size([[100] * 10, [200] * 10], documents=1000)
    mixed = mean_size([[100, 200] * 5, [200, 100] * 5], documents=1000)
    assert alike.likely == mixed.likely == 150
    assert alike.high - alike.low > mixed.high - mixed.low == 0


def test_the_mean_is_in_the_range_nineteen_times_of_twenty() -> None:
    generator = random.Random(4)  # noqa: S311 # the same samples each time
    hits = 0
    for _ in range(400):
        runs = [
            [max(1, int(level + generator.gauss(0, 30))) for _ in range(generator.randint(10, 30))]
            for level in (generator.gauss(1000, 200) for _ in range(100))
        ]
        documents, total = sum(map(len, runs)), sum(map(sum, runs))
        found = mean_size(generator.sample(runs, 10), documents)
        hits += found.low <= total / documents <= found.high
    assert 370 <= hits <= 392


def test_recomputing_takes_between_the_fastest_and_the_slowest_run() -> None:
    found = recompute_seconds(1000, [(10, 0.1), (10, 0.2), (20, 0.3)], listing_seconds=5)
    assert found.low == pytest.approx(5 + 1000 * 0.01 * STORING.low)
    assert found.likely == pytest.approx(5 + 1000 * 0.015 * STORING.likely)
    assert found.high == pytest.approx(5 + 1000 * 0.02 * STORING.high)


def test_a_sink_that_is_told_the_end_of_a_full_snapshot_gets_a_request_more() -> None:
    told = Limits(100, NO_LIMIT, ending_requests=1)
    assert requests(10_000, SMALL, [[1000]], told) == Range.exactly(101)
    assert requests(0, SMALL, [], told) == Range.exactly(1)


def test_what_overlaps_takes_as_long_as_the_longest() -> None:
    assert longest(Range(1, 5, 9), Range(2, 3, 10)) == Range(2, 5, 10)
