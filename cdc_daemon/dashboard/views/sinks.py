"""The sinks: how each stands with all of its feeds; and one sink in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cdc_daemon.dashboard.definitions import Asked, Nothing
from cdc_daemon.insight.deliveries import Delivery, read_deliveries

_WORST = ("failing", "paused", "full snapshot", "delivering", "waiting", "not begun", "up to date")


@dataclass(frozen=True)
class SinkLine:
    """A sink in the list.

    Attributes:
        state: the worst state of its deliveries; `idle` if it takes no feed.
        undelivered: documents and deletes that it lacks; `at_least` if no more were counted.
    """

    name: str
    type: str
    feeds: Sequence[str]
    state: str
    undelivered: int
    at_least: bool
    delivered_per_second: float
    failed_items: int
    parked: int
    failure: str | None


@dataclass(frozen=True)
class Sinks:
    """Every configured sink."""

    sinks: Sequence[SinkLine]


@dataclass(frozen=True)
class SinkQuestion:
    """Which sink."""

    sink: str


@dataclass(frozen=True)
class PauseTold:
    """A pause of the delivery.

    Attributes:
        sink, feed: names; None means all.
        by: the database role, and the user of the system, of the person.
    """

    sink: str | None
    feed: str | None
    reason: str | None
    since: datetime
    by: str | None


@dataclass(frozen=True)
class DeliveryTold:
    """How the sink stands with a feed.

    Attributes:
        state: `paused`, `failing`, `full snapshot`, `delivering`, `waiting`, `up to date` or `not begun`.
        undelivered: documents and deletes that it lacks; `at_least` if no more were counted.
        caught_up_seconds: how long the rest will take at the present pace.
        in_flight: whether a page, or a failed item, may be on its way now. It is at most one page, of the
            sink's batches.
        lease_of, lease_until: the process that delivers, and until when another daemon waits for it.
        failure, failing_since, attempts, retry_at: why and since when it takes nothing, and the next try.
        ignored: records that it ignored because the target holds something newer.
        batches, batch_records, batch_bytes: pages in the last hour, and the means of one.
        send_p50, send_p99, lag_p50, lag_p99: seconds of a page, and from capture to delivery, in the hour.
        failures, kinds: tries in the last hour at which it took nothing, and their kinds.
    """

    feed: str
    state: str
    undelivered: int
    at_least: bool
    caught_up_seconds: float | None
    in_flight: bool
    lease_of: str | None
    lease_until: datetime | None
    delivered: int
    delivered_at: datetime | None
    delivered_per_second: float
    ignored: int
    failure: str | None
    failing_since: datetime | None
    attempts: int
    retry_at: datetime | None
    failed_items: int
    parked: int
    pauses: Sequence[PauseTold]
    batches: int
    batch_records: float | None
    batch_bytes: float | None
    send_p50: float | None
    send_p99: float | None
    lag_p50: float | None
    lag_p99: float | None
    failures: int
    kinds: Mapping[str, int]


@dataclass(frozen=True)
class SinkAnswer:
    """A sink in detail.

    Attributes:
        batch_records: largest number of records that it takes at once.
    """

    name: str
    type: str
    batch_records: int | None
    deliveries: Sequence[DeliveryTold]


def sinks(asked: Asked, _question: Nothing) -> Sinks:
    """Return how each sink stands."""
    return Sinks([_line(asked, name) for name in asked.settings.sinks])


def sink(asked: Asked, question: SinkQuestion) -> SinkAnswer:
    """Return how a sink stands with each of its feeds."""
    asked.require_sink(question.sink)
    configured = asked.settings.sinks[question.sink]
    return SinkAnswer(
        question.sink,
        configured.type,
        getattr(configured, "batch_records", None),
        [_told(each) for each in _deliveries(asked, question.sink)],
    )


def feeds_of(asked: Asked, sink: str) -> list[str]:
    """Return the feeds that a sink takes."""
    return [name for name, feed in asked.settings.feeds.items() if sink in feed.sinks]


def _deliveries(asked: Asked, sink: str) -> list[Delivery]:
    definitions = {name: plan.definition for name, plan in asked.objects().plans.items()}
    return read_deliveries(asked.connection, sink, feeds_of(asked, sink), definitions)


def _line(asked: Asked, name: str) -> SinkLine:
    found = _deliveries(asked, name)
    statuses = [each.status for each in found]
    return SinkLine(
        name,
        asked.settings.sinks[name].type,
        [each.feed for each in found],
        min((each.state for each in found), key=_WORST.index, default="idle"),
        sum(each.undelivered for each in statuses),
        any("undelivered" in each.at_least for each in statuses),
        sum(each.rates.delivered for each in statuses),
        sum(each.failed_items for each in statuses),
        sum(each.parked for each in statuses),
        next((each.failure for each in statuses if each.failure), None),
    )


def _told(each: Delivery) -> DeliveryTold:
    status, hour, lease = each.status, each.hour, each.lease
    return DeliveryTold(
        feed=each.feed,
        state=each.state,
        undelivered=status.undelivered,
        at_least="undelivered" in status.at_least,
        caught_up_seconds=status.rates.caught_up_seconds,
        in_flight=each.in_flight,
        lease_of=None if lease is None else _process(lease.daemon, lease.host, lease.pid),
        lease_until=lease.until if lease else None,
        delivered=status.delivered,
        delivered_at=status.delivered_at,
        delivered_per_second=status.rates.delivered,
        ignored=status.ignored,
        failure=status.failure,
        failing_since=status.failed_at,
        attempts=status.attempts,
        retry_at=status.retry_at,
        failed_items=status.failed_items,
        parked=status.parked,
        pauses=[
            PauseTold(
                pause.sink,
                pause.feed,
                pause.reason,
                pause.paused_at,
                ", ".join(dict.fromkeys(part for part in (pause.role, pause.os_user) if part)) or None,
            )
            for pause in status.pauses
        ],
        batches=hour.batches,
        batch_records=hour.batch_records,
        batch_bytes=hour.batch_bytes,
        send_p50=hour.send_p50,
        send_p99=hour.send_p99,
        lag_p50=hour.lag_p50,
        lag_p99=hour.lag_p99,
        failures=hour.failures,
        kinds=hour.kinds,
    )


def _process(daemon: str | None, host: str | None, pid: int | None) -> str:
    return f"{daemon} on {host}, pid {pid}" if daemon else "a process that does not describe itself"
