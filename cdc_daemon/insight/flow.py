"""The flow: which tables feed which feeds, which feeds go to which sinks, and how much passes now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.sinks import DELIVERY_STATES, SinkStatus
from cdc_daemon.workers.planning import FeedPlan


@dataclass(frozen=True)
class Capture:
    """A table that a feed reads.

    Attributes:
        state: of the feed (see `FeedStatus`).
    """

    table: str
    feed: str
    state: str


@dataclass(frozen=True)
class FlowFeed:
    """A feed.

    Attributes:
        captured, changed: changed rows that it read, and documents that changed, a second.
    """

    feed: str
    state: str
    captured: float
    changed: float
    lag_seconds: float | None


@dataclass(frozen=True)
class Delivery:
    """A feed's way to a sink.

    Attributes:
        state: one of `DELIVERY_STATES`.
        delivered: records a second.
        lag_seconds: from capture to delivery, of half of the last minutes' records at most.
    """

    feed: str
    sink: str
    state: str
    delivered: float
    lag_seconds: float | None
    undelivered: int


@dataclass(frozen=True)
class Flow:
    """Tables, feeds and sinks, and what connects them.

    Attributes:
        sinks: the worst state of each sink's deliveries, by its name.
    """

    captures: Sequence[Capture]
    feeds: Sequence[FlowFeed]
    deliveries: Sequence[Delivery]
    sinks: Mapping[str, str]


def flow_of(feeds: Sequence[FeedStatus], plans: Mapping[str, FeedPlan]) -> Flow:
    """Return the flow of feeds.

    Args:
        feeds: how they stand.
        plans: by feed; a feed without one has no tables here.
    """
    captures = [
        Capture(str(table), feed.feed, feed.state)
        for feed in feeds
        if feed.feed in plans
        for table in plans[feed.feed].columns
    ]
    deliveries = [_delivery(feed.feed, sink) for feed in feeds for sink in feed.sinks]
    sinks: dict[str, str] = {}
    for each in deliveries:
        sinks[each.sink] = min(sinks.get(each.sink, each.state), each.state, key=DELIVERY_STATES.index)
    return Flow(captures, [_feed(feed) for feed in feeds], deliveries, sinks)


def _feed(feed: FeedStatus) -> FlowFeed:
    return FlowFeed(feed.feed, feed.state, feed.rates.captured, feed.rates.changed, feed.lag_seconds)


def _delivery(feed: str, sink: SinkStatus) -> Delivery:
    return Delivery(feed, sink.sink, sink.state, sink.rates.delivered, sink.rates.lag_p50, sink.undelivered)
