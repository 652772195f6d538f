"""Estimates feeds in a database, from samples of their queries and the limits of their sinks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import median

from psycopg import IsolationLevel

from cdc_daemon.estimate.arithmetic import (
    ZERO,
    Range,
    delivery_seconds,
    longest,
    mean_size,
    recompute_seconds,
    requests,
)
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.sample import Sample, sample
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.sinks.limits import Limits


@dataclass(frozen=True)
class DocumentSize:
    """Sizes of the sampled documents with their keys, in bytes."""

    least: int
    median: float
    most: int


@dataclass(frozen=True)
class SinkEstimate:
    """The load of a sink.

    Attributes:
        delivery_seconds: time that the sink's rate allows for it; None if the sink has no rate.
        seconds: time of recomputing and delivering: a feed is delivered when all its documents are computed.
    """

    documents: int
    bytes: Range
    requests: Range
    delivery_seconds: Range | None
    seconds: Range


@dataclass(frozen=True)
class FeedEstimate:
    """Estimate of a first sync of one feed.

    Attributes:
        documents, entities: exact numbers.
        sampled_entities: number of entities in the sample, on which the other estimates rely.
        document_bytes: None if there are no documents.
        bytes: size of all documents with their keys, as `batch_bytes` counts them.
        recompute_seconds: time to compute and store all documents, in one session.
        sinks: load of each sink, by name.
    """

    documents: int
    entities: int
    sampled_entities: int
    document_bytes: DocumentSize | None
    bytes: Range
    recompute_seconds: Range
    sinks: Mapping[str, SinkEstimate]


@dataclass(frozen=True)
class Estimate:
    """Estimate of a first sync of several feeds.

    Attributes:
        feeds: estimates by name.
        recompute_seconds: time of all feeds together: at least that of the longest feed (if the server has a
            core for each), at most the sum.
        sinks: load of each sink by name, over all these feeds, because its rate holds over all of them.
    """

    feeds: Mapping[str, FeedEstimate]
    recompute_seconds: Range
    sinks: Mapping[str, SinkEstimate]


def estimate(
    connection: Connection,
    settings: Settings,
    feeds: Iterable[FeedDefinition],
    *,
    done: Callable[[str], None] = lambda _: None,
) -> Estimate:
    """Count the documents of feeds, sample them, and estimate their delivery. Writes nothing.

    Args:
        connection: session in autocommit mode, outside of a transaction. It is left as it was.
        settings: the configuration.
        feeds: definitions of the feeds.
        done: called with the name of each feed after its sample.
    """
    limits = {name: sink.limits for name, sink in settings.sinks.items()}
    found: dict[str, FeedEstimate] = {}
    for feed in feeds:
        wanted = settings.feeds[feed.name].sinks
        found[feed.name] = _feed(_sampled(connection, feed), {name: limits[name] for name in wanted})
        done(feed.name)
    sinks = {
        name: _together(name, taken, limits[name])
        for name in settings.sinks
        if (taken := [each for each in found.values() if name in each.sinks])
    }
    return Estimate(found, _recomputed(found.values()), sinks)


def _sampled(connection: Connection, feed: FeedDefinition) -> Sample:
    """Return a sample, taken in a read-only transaction."""
    before = connection.isolation_level, connection.read_only
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction():
            return sample(connection, feed)
    finally:
        connection.isolation_level, connection.read_only = before


def _feed(sampled: Sample, limits: Mapping[str, Limits]) -> FeedEstimate:
    runs = [run.sizes for run in sampled.runs]
    sizes = [size for run in runs for size in run]
    size = mean_size(runs, sampled.documents)
    total = (size * sampled.documents).rounded()
    timings = [(run.entities, run.seconds) for run in sampled.runs]
    recomputing = recompute_seconds(sampled.entities, timings, sampled.listing_seconds).rounded(3)
    sinks: dict[str, SinkEstimate] = {}
    for name, limit in limits.items():
        number = requests(sampled.documents, size, runs, limit)
        sinks[name] = _sink(sampled.documents, total, number, recomputing, recomputing, limit)
    return FeedEstimate(
        documents=sampled.documents,
        entities=sampled.entities,
        sampled_entities=sum(run.entities for run in sampled.runs),
        document_bytes=DocumentSize(min(sizes), median(sizes), max(sizes)) if sizes else None,
        bytes=total,
        recompute_seconds=recomputing,
        sinks=sinks,
    )


def _sink(
    documents: int, size: Range, number: Range, recomputing: Range, waiting: Range, limits: Limits
) -> SinkEstimate:
    """Return the load of a sink.

    Args:
        waiting: time until the first feed is computed. Its full snapshot begins then.
    """
    delivering = delivery_seconds(number, limits)
    if delivering is None:
        return SinkEstimate(documents, size, number, None, recomputing)
    seconds = longest(recomputing, waiting + delivering)
    return SinkEstimate(documents, size, number, delivering.rounded(3), seconds.rounded(3))


def _together(name: str, feeds: Sequence[FeedEstimate], limits: Limits) -> SinkEstimate:
    return _sink(
        sum(feed.documents for feed in feeds),
        reduce(add, (feed.bytes for feed in feeds)),
        reduce(add, (feed.sinks[name].requests for feed in feeds)),
        _recomputed(feeds),
        min((feed.recompute_seconds for feed in feeds), key=lambda each: each.likely),
        limits,
    )


def _recomputed(feeds: Collection[FeedEstimate]) -> Range:
    times = [feed.recompute_seconds for feed in feeds]
    one_by_one = reduce(add, times, ZERO)
    return Range(max((each.low for each in times), default=0), one_by_one.likely, one_by_one.high)
