"""The page of a feed: how it stands, what it did, how changes reach it, and its resyncs."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cdc_daemon.dashboard.definitions import Asked
from cdc_daemon.insight.feed_plan import PlannedFeed, planned_feed
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.passes import PassStatus, last_passes
from cdc_daemon.insight.rates import (
    SHORTEST_SECONDS,
    SPANS,
    DeliverySample,
    FeedSample,
    begin_of,
    delivery_samples_of,
    feed_samples_of,
)
from cdc_daemon.insight.resyncs import ResyncStatus, read_resyncs
from cdc_daemon.insight.status import read_status_of
from cdc_daemon.pg.session import Connection
from cdc_daemon.workers.plan_costs import plan_costs
from cdc_daemon.workers.planning import FeedPlan

SpanName = Literal["1h", "24h", "7d"]

MOST_PASSES, MOST_RESYNCS = 20, 10


@dataclass(frozen=True)
class FeedQuestion:
    """Which feed.

    Attributes:
        span: how far charts look back.
    """

    feed: str
    span: SpanName = "1h"


@dataclass(frozen=True)
class History:
    """What charts show of a feed.

    Attributes:
        began_at, seconds, steps: when the first step begins, the width of a step, and their number.
        until: now, to ten seconds: the last step is not over.
        samples: what the feed did; there is none for a step in which nothing happened.
        deliveries: what each sink took, by sink.
    """

    span: str
    began_at: datetime
    seconds: int
    steps: int
    until: datetime
    samples: Sequence[FeedSample]
    deliveries: Mapping[str, Sequence[DeliverySample]]

    def elapsed(self, sample: FeedSample | DeliverySample) -> float:
        """Return the seconds of a sample that are over, at least ten: daemons store their sums so often."""
        return min(max((self.until - sample.began_at).total_seconds(), SHORTEST_SECONDS), sample.seconds)


@dataclass(frozen=True)
class FeedAnswer:
    """Everything about a feed.

    Attributes:
        plan: None if the feed can't be planned; then `drift` says why.
        drift: what `install` would create, replace or drop, for all feeds.
    """

    feed: FeedStatus
    history: History
    passes: Sequence[PassStatus]
    resyncs: Sequence[ResyncStatus]
    plan: PlannedFeed | None
    drift: Sequence[str]


class _Plans:
    """Plans with their costs. What a plan costs is asked once: the planner's statistics change rarely."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[FeedPlan, PlannedFeed]] = {}

    def of(self, connection: Connection, plan: FeedPlan) -> PlannedFeed:
        name = plan.definition.name
        with self._lock:
            known = self._known.get(name)
        if known is not None and known[0] is plan:
            return known[1]
        found = planned_feed(plan_costs(connection, plan))
        with self._lock:
            self._known[name] = (plan, found)
        return found


_PLANS = _Plans()


def feed(asked: Asked, question: FeedQuestion) -> FeedAnswer:
    """Return everything about a feed. Nothing of it counts rows."""
    name, connection = question.feed, asked.connection
    asked.require_feed(name)
    objects = asked.objects()
    plan = objects.plans.get(name)
    return FeedAnswer(
        read_status_of(connection, asked.settings, name, objects),
        _history(asked, name, question.span),
        last_passes(connection, name, limit=MOST_PASSES),
        read_resyncs(connection, name, limit=MOST_RESYNCS),
        None if plan is None else _PLANS.of(connection, plan),
        objects.drift,
    )


def _history(asked: Asked, name: str, span_name: SpanName) -> History:
    span, now = SPANS[span_name], datetime.now(UTC)
    return History(
        span_name,
        begin_of(span, now),
        span.width,
        span.seconds // span.width,
        # An open page would be sent anew every second otherwise.
        now.replace(second=now.second // 10 * 10, microsecond=0),
        feed_samples_of(asked.connection, name, span),
        {
            sink: delivery_samples_of(asked.connection, sink, name, span)
            for sink in asked.settings.feeds[name].sinks
        },
    )
