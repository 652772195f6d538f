"""The overview: how everything stands, and what needs attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdc_daemon.dashboard.definitions import Asked, Nothing
from cdc_daemon.insight.activity import Activity, Steps, read_activity
from cdc_daemon.insight.attention import Finding, attention
from cdc_daemon.insight.daemons import Daemons
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.flow import Flow, flow_of
from cdc_daemon.insight.health import Health, health
from cdc_daemon.insight.status import read_status


@dataclass(frozen=True)
class FeedDay:
    """The last day of a feed.

    Attributes:
        changed: numbers of changed documents, for each half hour.
        delivered_recently: records that all sinks took in the last three hours.
    """

    changed: Steps
    delivered_recently: int


@dataclass(frozen=True)
class DeliveryDay:
    """The last day of a delivery.

    Attributes:
        state: see `cdc_daemon.insight.flow.Delivery`.
        delivered: numbers of records, for each half hour.
        delivered_recently: records that the sink took in the last three hours.
    """

    sink: str
    feed: str
    state: str
    delivered: Steps
    delivered_recently: int


@dataclass(frozen=True)
class Overview:
    """How everything stands.

    Attributes:
        attention: what needs attention, the worst first.
        days: the last day of each feed, by its name.
        deliveries: the last day of each delivery, in the order of sinks and feeds.
        size_bytes: what the daemon's tables take.
    """

    health: Health
    attention: Sequence[Finding]
    daemons: Daemons
    flow: Flow
    feeds: Sequence[FeedStatus]
    days: Mapping[str, FeedDay]
    deliveries: Sequence[DeliveryDay]
    size_bytes: int


def overview(asked: Asked, _question: Nothing) -> Overview:
    """Return how everything stands."""
    objects = asked.objects()
    found = read_status(asked.connection, asked.settings, objects=objects)
    is_installed = any(feed.state != "missing" for feed in found.feeds)
    activity = read_activity(asked.connection) if is_installed else Activity({}, {})
    flow = flow_of(found.feeds, objects.plans)
    return Overview(
        health(found),
        attention(found),
        found.daemons,
        flow,
        found.feeds,
        {feed.feed: _day(activity, feed.feed) for feed in found.feeds},
        [
            DeliveryDay(
                each.sink,
                each.feed,
                each.state,
                activity.delivered_of(sink=each.sink, feed=each.feed),
                activity.delivered_recently(sink=each.sink, feed=each.feed),
            )
            for each in sorted(flow.deliveries, key=lambda each: (each.sink, each.feed))
        ],
        sum(found.sizes.values()),
    )


def _day(activity: Activity, feed: str) -> FeedDay:
    nothing: Steps = activity.delivered_of(feed="")
    return FeedDay(activity.changed.get(feed, nothing), activity.delivered_recently(feed=feed))
