"""From counts, samples and limits to bytes, requests and seconds; no database, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice

from cdc_daemon.sinks.batches import split_by
from cdc_daemon.sinks.limits import Limits

# Student's t for 97.5 %, by degrees of freedom: a sample has ten runs at most (cdc_daemon.feeds.sample).
_T = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)

PACKED_BATCHES = 20
"""How many batches are packed, from a sample over and over, to see how many records one takes."""


@dataclass(frozen=True)
class Range:
    """A number that is not known: between `low` and `high`, and most likely `likely`."""

    low: float
    likely: float
    high: float

    @classmethod
    def exactly(cls, number: float) -> Range:
        """One that is known."""
        return cls(number, number, number)

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, factor: float) -> Range:
        return Range(self.low * factor, self.likely * factor, self.high * factor)

    def rounded(self, digits: int | None = None) -> Range:
        """With so many digits behind the point; whole numbers for None."""
        return Range(round(self.low, digits), round(self.likely, digits), round(self.high, digits))


ZERO = Range.exactly(0)

STORING = Range(1.1, 1.5, 2.2)
"""How many times as long a first sync takes as computing the same documents: it stores them and commits.

Measured with the feeds of the commerce pack (docs/commerce.md). Before there is a place to store them it
can't be tried.
"""


def longest(first: Range, *others: Range) -> Range:
    """The time of things that are done side by side."""
    ranges = (first, *others)
    return Range(
        max(each.low for each in ranges),
        max(each.likely for each in ranges),
        max(each.high for each in ranges),
    )


def mean_size(runs: Sequence[Sequence[int]], documents: int) -> Range:
    """Bytes of a document, with the 95 % confidence interval.

    The estimator is a ratio, bytes ÷ documents, over clusters of unequal size: the documents of one run
    resemble each other, so it is runs, not documents, that count as observations. When every document is
    in the sample nothing is left to chance (W. G. Cochran, Sampling Techniques, 3rd ed. 1977, chapters 6
    and 9A).

    Args:
        runs: sizes of the sampled documents, run by run.
        documents: how many there are in all.
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
    """How long a first sync computes and stores, in one session.

    Args:
        entities: how many there are in all.
        timings: of each run, how many entities it had and how many seconds they took to compute.
        listing_seconds: how long it takes to list all entities.
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
    """How many requests the documents fill.

    Args:
        size: bytes of a document, as `mean_size` says.
        runs: sizes of the sampled documents. They are packed as the daemon packs records, and made as small
            and as large as the range of the mean says.
    """
    if not documents:
        return ZERO
    sizes = list(chain.from_iterable(runs))
    scales = size.low / size.likely, 1.0, size.high / size.likely
    return Range(*(_packed(documents, [each * scale for each in sizes], limits) for scale in scales))


def _packed(documents: int, sizes: Sequence[float], limits: Limits) -> int:
    number = min(documents, max(len(sizes), PACKED_BATCHES * limits.batch_records))
    batches = split_by(float, islice(cycle(sizes), number), limits.batch_records, limits.batch_bytes)
    filled = [len(batch) for batch in batches]
    if number == documents:
        return len(filled)
    full = filled[:-1]  # the last one ended with the sample, not for being full
    return math.ceil(documents * len(full) / sum(full))


def with_remainders(number: Range, documents: int, transactions: int) -> Range:
    """The same for a sink that keeps up: what each transaction stores ends in a request that is not full.

    Args:
        number: requests that are all full but the last.
        documents: no request is empty.
        transactions: in how many the documents are stored.
    """
    high = min(documents, number.high + max(0, transactions - 1))
    return Range(number.low, number.likely, max(number.high, high))


def delivery_seconds(number: Range, limits: Limits) -> Range | None:
    """How long the sink's rate makes so many requests take; None where no rate is set."""
    if limits.requests_per_second is None:
        return None
    return number * (1 / limits.requests_per_second)
