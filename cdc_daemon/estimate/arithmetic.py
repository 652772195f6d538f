"""Computes bytes, requests and seconds from counts, samples and limits, without a database or a clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice

from cdc_daemon.sinks.batches import split_by
from cdc_daemon.sinks.limits import Limits

# Student's t for 97.5 %, by degrees of freedom. A sample has at most ten runs (cdc_daemon.feeds.sample).
_T = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)

PACKED_BATCHES = 20
"""Number of batches to pack from the repeated sample, to find the number of records in a batch."""


@dataclass(frozen=True)
class Range:
    """An uncertain number between `low` and `high`; `likely` is the best estimate."""

    low: float
    likely: float
    high: float

    @classmethod
    def exactly(cls, number: float) -> Range:
        """Return the range of a number that is known exactly."""
        return cls(number, number, number)

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, factor: float) -> Range:
        return Range(self.low * factor, self.likely * factor, self.high * factor)

    def rounded(self, digits: int | None = None) -> Range:
        """Return the range rounded to `digits` decimals; to whole numbers for None."""
        return Range(round(self.low, digits), round(self.likely, digits), round(self.high, digits))


ZERO = Range.exactly(0)

STORING = Range(1.1, 1.5, 2.2)
"""Time of a first sync, which also stores and commits, ÷ time of computing the same documents.

Measured with the feeds of the commerce pack (docs/commerce.md). A trial is impossible before the tables
exist.
"""


def longest(first: Range, *others: Range) -> Range:
    """Return the time of several things that run side by side."""
    ranges = (first, *others)
    return Range(
        max(each.low for each in ranges),
        max(each.likely for each in ranges),
        max(each.high for each in ranges),
    )


def mean_size(runs: Sequence[Sequence[int]], documents: int) -> Range:
    """Return the bytes of a document, with the 95 % confidence interval.

    The estimator is a ratio, bytes ÷ documents, over clusters of unequal size. The documents of one run
    resemble each other, so runs, not documents, count as observations. If every document is in the sample,
    the result is exact (W. G. Cochran, Sampling Techniques, 3rd ed. 1977, chapters 6 and 9A).

    Args:
        runs: sizes of the sampled documents in bytes, run by run.
        documents: number of all documents.
    """
    sampled, total = sum(map(len, runs)), sum(map(sum, runs))
    if not sampled:
        return ZERO
    mean = total / sampled
    if sampled >= documents:
        return Range.exactly(mean)
    sizes = list(chain.from_iterable(runs))
    if len(runs) == 1:
        return Range(min(sizes), mean, max(sizes))
    number = len(runs)
    spread = sum((sum(run) - mean * len(run)) ** 2 for run in runs) / (number - 1)
    error = math.sqrt((1 - sampled / documents) * spread / number) / (sampled / number)
    error *= _T[min(number - 1, len(_T)) - 1]
    return Range(max(mean - error, min(sizes)), mean, min(mean + error, max(sizes)))


def recompute_seconds(entities: int, timings: Iterable[tuple[int, float]], listing_seconds: float) -> Range:
    """Return the seconds that a first sync computes and stores, in one session.

    Args:
        entities: number of all entities.
        timings: for each run, its number of entities and the seconds to compute them.
        listing_seconds: time to list all entities.
    """
    timings = list(timings)
    if not timings:
        return Range.exactly(listing_seconds)
    each = [seconds / number for number, seconds in timings]
    mean = sum(seconds for _, seconds in timings) / sum(number for number, _ in timings)
    return Range(
        listing_seconds + entities * min(each) * STORING.low,
        listing_seconds + entities * mean * STORING.likely,
        listing_seconds + entities * max(each) * STORING.high,
    )


def requests(documents: int, size: Range, runs: Sequence[Sequence[int]], limits: Limits) -> Range:
    """Return the number of requests that the documents fill, and of those that end the full snapshot.

    Args:
        documents: number of documents.
        size: bytes of a document, from `mean_size`.
        runs: sizes of the sampled documents in bytes. They are packed as the daemon packs records, scaled to
            both ends of the range of `size`.
        limits: limits of the sink.
    """
    if not documents:
        return Range.exactly(limits.ending_requests)
    sizes = list(chain.from_iterable(runs))
    scales = size.low / size.likely, 1.0, size.high / size.likely
    filled = Range(*(_packed(documents, [each * scale for each in sizes], limits) for scale in scales))
    return filled + Range.exactly(limits.ending_requests)


def _packed(documents: int, sizes: Sequence[float], limits: Limits) -> int:
    number = min(documents, max(len(sizes), PACKED_BATCHES * limits.batch_records))
    batches = split_by(float, islice(cycle(sizes), number), limits.batch_records, limits.batch_bytes)
    filled = [len(batch) for batch in batches]
    if number == documents:
        return len(filled)
    full = filled[:-1]  # the sample ended before the last one was full
    return math.ceil(documents * len(full) / sum(full))


def delivery_seconds(number: Range, limits: Limits) -> Range | None:
    """Return the seconds that `number` requests take at the sink's rate; None if it has no rate."""
    if limits.requests_per_second is None:
        return None
    return number * (1 / limits.requests_per_second)
