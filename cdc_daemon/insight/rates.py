"""Rates and charts, from the sums that daemons store while they work (see `cdc_daemon.workers.samples`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, cast

from psycopg.rows import dict_row

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.samples import LIMITS_SECONDS

MINUTE, TEN_MINUTES = 60, 600
"""Widths of samples in seconds. Minutes are kept for a day, tens of minutes for a week."""

HOUR = 3600
"""A week in tens of minutes would be a thousand points: it is summed up by the hour."""

RECENT_SECONDS = 300.0
"""Rates are of the last so many seconds."""

SHORTEST_SECONDS = 10.0
"""Daemons store their sums every so many seconds: a rate over less would be chance."""


@dataclass(frozen=True)
class FeedSample:
    """A feed's work in some seconds, one point of a chart.

    Attributes:
        began_at, seconds: when the sample began, and its width.
        captured: changed rows in the entries that passes read.
        recomputed, unchanged, changed: documents.
        lag_p50, lag_p99: seconds from the oldest entry of a pass to its end; None without an entry.
        pass_p50, pass_p99: seconds that a pass took.
    """

    began_at: datetime
    seconds: int
    passes: int
    captured: int
    recomputed: int
    unchanged: int
    changed: int
    lag_p50: float | None
    lag_p99: float | None
    pass_p50: float | None
    pass_p99: float | None


@dataclass(frozen=True)
class DeliverySample:
    """A delivery's work in some seconds.

    Attributes:
        delivered, bytes: records, and the size of their documents.
        failures: tries at which the sink took nothing.
        lag_p50, lag_p99: seconds from capture to delivery; None without a record that is no full snapshot's.
        send_p50, send_p99: seconds that a page took.
    """

    began_at: datetime
    seconds: int
    batches: int
    delivered: int
    bytes: int
    failures: int
    lag_p50: float | None
    lag_p99: float | None
    send_p50: float | None
    send_p99: float | None


@dataclass(frozen=True)
class Span:
    """A time back from now, as charts show it.

    Attributes:
        seconds: its length.
        stored: width of the stored samples, `MINUTE` or `TEN_MINUTES`.
        width: width of the samples that are returned, a multiple.
    """

    seconds: int
    stored: int
    width: int


SPANS: Mapping[str, Span] = {
    "1h": Span(3600, MINUTE, MINUTE),
    "24h": Span(86_400, TEN_MINUTES, TEN_MINUTES),
    "7d": Span(7 * 86_400, TEN_MINUTES, HOUR),
}


@dataclass(frozen=True)
class FeedRates:
    """A feed's work in the last minutes, per second; and how long its backlog will take at this pace."""

    captured: float = 0.0
    recomputed: float = 0.0
    changed: float = 0.0
    lag_p50: float | None = None
    lag_p99: float | None = None
    caught_up_seconds: float | None = None


@dataclass(frozen=True)
class DeliveryRates:
    """A delivery's work in the last minutes, per second; and how long the rest will take at this pace."""

    delivered: float = 0.0
    bytes: float = 0.0
    lag_p50: float | None = None
    lag_p99: float | None = None
    caught_up_seconds: float | None = None


def feed_samples(connection: Connection, feed: str, *, width: int, ago_seconds: float) -> list[FeedSample]:
    """Return a feed's samples, the oldest first. There is none for a time in which nothing happened.

    Args:
        width: `MINUTE` or `TEN_MINUTES`.
        ago_seconds: how far to look back.
    """
    rows = _rows(connection, "sample.feeds", {"feed": feed, "width": width, "ago": ago_seconds})
    return [FeedSample(**_with_percentiles(row, {"lag": "lag", "pass_time": "pass"})) for row in rows]


def delivery_samples(
    connection: Connection, sink: str, feed: str, *, width: int, ago_seconds: float
) -> list[DeliverySample]:
    """Return a delivery's samples, as `feed_samples` does."""
    parameters = {"sink": sink, "feed": feed, "width": width, "ago": ago_seconds}
    rows = _rows(connection, "sample.deliveries", parameters)
    return [DeliverySample(**_with_percentiles(row, {"lag": "lag", "send_time": "send"})) for row in rows]


def feed_samples_of(connection: Connection, feed: str, span: Span) -> list[FeedSample]:
    """Return a feed's samples of a span, the oldest first. There is none while nothing happens."""
    parameters = {"feed": feed, "width": span.stored, "ago": float(span.seconds)}
    rows = _summed(_rows(connection, "sample.feeds", parameters), span.width)
    return [FeedSample(**_with_percentiles(row, {"lag": "lag", "pass_time": "pass"})) for row in rows]


def delivery_samples_of(connection: Connection, sink: str, feed: str, span: Span) -> list[DeliverySample]:
    """Return a delivery's samples of a span, as `feed_samples_of` does."""
    parameters = {"sink": sink, "feed": feed, "width": span.stored, "ago": float(span.seconds)}
    rows = _summed(_rows(connection, "sample.deliveries", parameters), span.width)
    return [DeliverySample(**_with_percentiles(row, {"lag": "lag", "send_time": "send"})) for row in rows]


def begin_of(span: Span, now: datetime) -> datetime:
    """Return when the first step of a span begins that ends with the present step."""
    last = now.timestamp() // span.width * span.width
    return datetime.fromtimestamp(last - span.seconds + span.width, UTC)


def read_feed_rates(connection: Connection, feed: str, *, backlog: int) -> FeedRates:
    """Return a feed's rates in the last minutes.

    Args:
        backlog: the number of entities that wait.
    """
    rows = list(_rows(connection, "sample.feeds", {"feed": feed, "width": MINUTE, "ago": RECENT_SECONDS}))
    seconds = _elapsed(rows)
    recomputed = _sum(rows, "recomputed") / seconds
    lag = _together(rows, "lag")
    return FeedRates(
        round(_sum(rows, "captured") / seconds, 3),
        round(recomputed, 3),
        round(_sum(rows, "changed") / seconds, 3),
        percentile(lag, 0.5),
        percentile(lag, 0.99),
        round(backlog / recomputed, 1) if backlog and recomputed else None,
    )


def read_delivery_rates(connection: Connection, sink: str, feed: str, *, undelivered: int) -> DeliveryRates:
    """Return a delivery's rates in the last minutes.

    Args:
        undelivered: the number of documents that the sink lacks.
    """
    parameters = {"sink": sink, "feed": feed, "width": MINUTE, "ago": RECENT_SECONDS}
    rows = list(_rows(connection, "sample.deliveries", parameters))
    seconds = _elapsed(rows)
    delivered = _sum(rows, "delivered") / seconds
    lag = _together(rows, "lag")
    return DeliveryRates(
        round(delivered, 3),
        round(_sum(rows, "bytes") / seconds, 1),
        percentile(lag, 0.5),
        percentile(lag, 0.99),
        round(undelivered / delivered, 1) if undelivered and delivered else None,
    )


def percentile(classes: Sequence[int], fraction: float) -> float | None:
    """Return the upper limit in seconds of the class that holds this fraction; None if there are no times.

    Args:
        classes: numbers of times, by the classes of `LIMITS_SECONDS`.
    """
    wanted = fraction * sum(classes)
    if not wanted:
        return None
    number = next(n for n, reached in enumerate(accumulate(classes)) if reached >= wanted)
    return LIMITS_SECONDS[min(number, len(LIMITS_SECONDS) - 1)]


def _rows(connection: Connection, query: str, parameters: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as asked:
        yield from asked.execute(statement(query), parameters)


def _summed(rows: Iterable[dict[str, Any]], width: int) -> list[dict[str, Any]]:
    """Sum up rows that begin in the same `width` seconds."""
    found: dict[datetime, dict[str, Any]] = {}
    for row in rows:
        begin = datetime.fromtimestamp(row["began_at"].timestamp() // width * width, UTC)
        summed = found.setdefault(begin, {**row, "began_at": begin, "seconds": width})
        if summed["age"] == row["age"]:
            continue
        for name, value in row.items():
            if isinstance(value, list):
                summed[name] = [a + b for a, b in zip(summed[name], cast("list[int]", value), strict=True)]
            elif name not in {"age", "began_at", "seconds"}:
                summed[name] += value
    return list(found.values())


def _with_percentiles(row: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    del row["age"]
    for column, name in names.items():
        classes = row.pop(column)
        row |= {f"{name}_p50": percentile(classes, 0.5), f"{name}_p99": percentile(classes, 0.99)}
    return row


def _elapsed(rows: Sequence[dict[str, Any]]) -> float:
    """Return the seconds since the work of these samples began."""
    if not rows:
        return RECENT_SECONDS
    return max(SHORTEST_SECONDS, min(float(rows[0]["age"]), RECENT_SECONDS))


def _sum(rows: Sequence[dict[str, Any]], column: str) -> float:
    return float(sum(row[column] for row in rows))


def _together(rows: Sequence[dict[str, Any]], column: str) -> list[int]:
    return [sum(numbers) for numbers in zip(*(row[column] for row in rows), strict=True)]
