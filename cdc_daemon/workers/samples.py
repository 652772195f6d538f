"""Sums up the work of this daemon, for rates and charts."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, cast

from cdc_daemon.workers.passes import Pass

LIMITS_SECONDS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0),
)
"""Upper limits of the classes in which times are counted. The last class has no limit.

Percentiles can't be added up. Classes can: over minutes, daemons and feeds.
"""


def _classes() -> list[int]:
    return [0] * (len(LIMITS_SECONDS) + 1)


def count_in(classes: list[int], seconds: float) -> None:
    """Count a time in its class."""
    classes[bisect_left(LIMITS_SECONDS, seconds)] += 1


@dataclass
class FeedSums:
    """Sums of a feed's passes: rows captured, documents recomputed, and so on."""

    passes: int = 0
    captured: int = 0
    recomputed: int = 0
    unchanged: int = 0
    changed: int = 0
    lag: list[int] = field(default_factory=_classes)
    pass_time: list[int] = field(default_factory=_classes)
    lag_seconds: float = 0.0
    pass_seconds: float = 0.0


@dataclass
class DeliverySums:
    """Sums of a delivery.

    `lag` counts the time from the capture of each record to its delivery, `kinds` the failures by their kind.
    """

    batches: int = 0
    delivered: int = 0
    bytes: int = 0
    failures: int = 0
    lag: list[int] = field(default_factory=_classes)
    send_time: list[int] = field(default_factory=_classes)
    lag_seconds: float = 0.0
    send_seconds: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict[str, int])


@dataclass
class Sums:
    """Sums by feed, and by sink and feed."""

    feeds: dict[str, FeedSums] = field(default_factory=dict[str, FeedSums])
    deliveries: dict[tuple[str, str], DeliverySums] = field(
        default_factory=dict[tuple[str, str], DeliverySums]
    )

    def add(self, other: Sums) -> None:
        """Add other sums to these."""
        for feed, sums in other.feeds.items():
            _add(self.feeds.setdefault(feed, FeedSums()), sums)
        for delivery, sent in other.deliveries.items():
            _add(self.deliveries.setdefault(delivery, DeliverySums()), sent)


@dataclass(frozen=True)
class Delivered:
    """A page that a sink has taken.

    Attributes:
        records: number of records.
        size: bytes of its documents.
        captured: when its records were captured; empty for a full snapshot, whose records are old.
    """

    sink: str
    feed: str
    records: int
    size: int
    seconds: float
    first_revision: int
    last_revision: int
    captured: Sequence[datetime] = ()


class Observer(Protocol):
    """Hears of each piece of work when it is done. It must not block."""

    def passed(self, feed: str, done: Pass) -> None:
        """A pass or chunk of a feed is committed."""

    def delivered(self, page: Delivered) -> None:
        """A sink has taken a page."""


class Samples:
    """The sums since they were last stored, and those since the start. Any thread may call it.

    Args:
        observers: hear of the same.
    """

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = observers
        self._lock = threading.Lock()
        self._sums = Sums()
        self._stored = Sums()

    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not self._sums.feeds and not self._sums.deliveries

    def add_pass(self, feed: str, done: Pass) -> None:
        """Add a pass or chunk."""
        with self._lock:
            sums = self._sums.feeds.setdefault(feed, FeedSums())
            sums.passes += 1
            sums.captured += done.delta.rows
            sums.recomputed += done.recomputed.documents
            sums.unchanged += done.recomputed.unchanged
            sums.changed += done.recomputed.upserts + done.recomputed.deletes
            if done.delta.entries or done.due.entities:
                count_in(sums.lag, done.lag_seconds)
                sums.lag_seconds += done.lag_seconds
            count_in(sums.pass_time, done.seconds)
            sums.pass_seconds += done.seconds
        for observer in self._observers:
            observer.passed(feed, done)

    def add_page(self, page: Delivered) -> None:
        """Add a delivered page."""
        now = datetime.now(UTC)
        with self._lock:
            sums = self._delivery(page.sink, page.feed)
            sums.batches += 1
            sums.delivered += page.records
            sums.bytes += page.size
            count_in(sums.send_time, page.seconds)
            sums.send_seconds += page.seconds
            for moment in page.captured:
                age = (now - moment).total_seconds()
                count_in(sums.lag, age)
                sums.lag_seconds += age
        for observer in self._observers:
            observer.delivered(page)

    def add_failure(self, sink: str, feed: str, kind: str) -> None:
        """Add a try at which the sink took nothing.

        Args:
            kind: who is asked for a remedy (see `kind_of` in cdc_daemon/workers/delivery.py).
        """
        with self._lock:
            sums = self._delivery(sink, feed)
            sums.failures += 1
            sums.kinds[kind] = sums.kinds.get(kind, 0) + 1

    @contextmanager
    def taken(self) -> Generator[Sums]:
        """Take the sums to store them. They come back if the block fails."""
        with self._lock:
            taken, self._sums = self._sums, Sums()
        try:
            yield taken
        except BaseException:
            with self._lock:
                self._sums.add(taken)
            raise
        with self._lock:
            self._stored.add(taken)

    def since_start(self) -> Sums:
        """Return a copy of all sums since the process has started."""
        with self._lock:
            copy = Sums()
            copy.add(self._stored)
            copy.add(self._sums)
        return copy

    def _delivery(self, sink: str, feed: str) -> DeliverySums:
        return self._sums.deliveries.setdefault((sink, feed), DeliverySums())


def _add(into: FeedSums | DeliverySums, other: FeedSums | DeliverySums) -> None:
    for name, value in vars(other).items():
        before = getattr(into, name)
        if isinstance(value, dict):
            setattr(into, name, Counter(before) + Counter(cast("dict[str, int]", value)))
        elif isinstance(value, list):
            setattr(into, name, [a + b for a, b in zip(before, cast("list[int]", value), strict=True)])
        else:
            setattr(into, name, before + value)
