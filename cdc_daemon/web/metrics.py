"""Every metric of `/metrics`, and how it is made from what is known.

Counters and histograms are sums of this process. Gauges are answers of the database, the same from every
daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest

from cdc_daemon import __version__
from cdc_daemon.insight.coverage import Coverage
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.sinks import SinkStatus
from cdc_daemon.insight.status import Status
from cdc_daemon.workers.samples import LIMITS_SECONDS, DeliverySums, FeedSums, Sums

FEED = ("feed",)
DELIVERY = ("sink", "feed")

STATES = ("missing", "stopped", "new", "not followed", "partial", "syncing", "live")


@dataclass(frozen=True)
class FeedGauge:
    """A gauge for each feed. `value` returns None where nothing is known: then there is no sample."""

    meaning: str
    value: Callable[[FeedStatus], float | None]


@dataclass(frozen=True)
class DeliveryGauge:
    """A gauge for each sink and feed."""

    meaning: str
    value: Callable[[SinkStatus], float | None]


@dataclass(frozen=True)
class CoverageGauge:
    """A gauge for each feed that is verified, with an empty `sink`, and for each of its receivers."""

    meaning: str
    value: Callable[[Coverage], float | None]


@dataclass(frozen=True)
class Counter:
    """A counter of sums. Its sample is called `<name>_total`."""

    meaning: str
    field: str


@dataclass(frozen=True)
class Histogram:
    """A histogram of sums, with the samples `<name>_bucket`, `<name>_sum` and `<name>_count`.

    Attributes:
        field: has the classes.
        seconds: has the sum of the times.
    """

    meaning: str
    field: str
    seconds: str


FEED_GAUGES: dict[str, FeedGauge] = {
    "cdc_feed_documents": FeedGauge("Stored documents.", lambda feed: feed.rows),
    "cdc_feed_lag_seconds": FeedGauge(
        "Age of the oldest entry that no pass has read, or time since a document was due. No sample: nobody "
        "knows it (`status` says why).",
        lambda feed: feed.lag_seconds,
    ),
    "cdc_feed_lag_known": FeedGauge(
        "Whether the lag is known: 0 or 1.", lambda feed: feed.lag_seconds is not None
    ),
    "cdc_feed_unread_entries": FeedGauge(
        "Entries of changelogs that no pass has read, counted up to 10,000.", lambda feed: feed.unread
    ),
    "cdc_feed_backlog_entities": FeedGauge("Entities in the backlog.", lambda feed: feed.backlog),
    "cdc_feed_failed_entities": FeedGauge(
        "Entities for which the query fails, counted up to 10,000.", lambda feed: feed.failed_entities
    ),
}

DELIVERY_GAUGES: dict[str, DeliveryGauge] = {
    "cdc_sink_undelivered_documents": DeliveryGauge(
        "Documents and deletes that the sink lacks, counted up to 10,000.", lambda sink: sink.undelivered
    ),
    "cdc_sink_failed_items": DeliveryGauge(
        "Records that the sink refused, counted up to 10,000.", lambda sink: sink.failed_items
    ),
    "cdc_sink_parked_items": DeliveryGauge(
        "Of these, records that are not tried again, counted up to 10,000.", lambda sink: sink.parked
    ),
    "cdc_sink_paused": DeliveryGauge(
        "Whether a person has paused the delivery: 0 or 1.", lambda sink: sink.paused
    ),
    "cdc_sink_failing": DeliveryGauge(
        "Whether the sink takes nothing now: 0 or 1.", lambda sink: sink.failure is not None
    ),
}

FEED_COUNTERS: dict[str, Counter] = {
    "cdc_feed_passes": Counter("Passes and chunks.", "passes"),
    "cdc_feed_captured_rows": Counter("Changed rows that passes have read.", "captured"),
    "cdc_feed_recomputed_documents": Counter("Recomputed documents.", "recomputed"),
    "cdc_feed_unchanged_documents": Counter(
        "Recomputed documents that were the same as before.", "unchanged"
    ),
    "cdc_feed_changed_documents": Counter("Stored and deleted documents.", "changed"),
}

DELIVERY_COUNTERS: dict[str, Counter] = {
    "cdc_sink_batches": Counter("Delivered pages of records.", "batches"),
    "cdc_sink_delivered_records": Counter("Delivered records.", "delivered"),
    "cdc_sink_delivered_bytes": Counter("Bytes of the delivered documents.", "bytes"),
}

FEED_HISTOGRAMS: dict[str, Histogram] = {
    "cdc_feed_commit_to_stored_seconds": Histogram(
        "Age of the oldest entry of a pass when its documents were stored. An entry is written by the "
        "statement that changes the row.",
        "lag",
        "lag_seconds",
    ),
    "cdc_feed_pass_seconds": Histogram("Duration of a pass or chunk.", "pass_time", "pass_seconds"),
}

DELIVERY_HISTOGRAMS: dict[str, Histogram] = {
    "cdc_sink_commit_to_delivered_seconds": Histogram(
        "Time from the entry of a change to the delivery of its record. Full snapshots don't count.",
        "lag",
        "lag_seconds",
    ),
    "cdc_sink_send_seconds": Histogram("Duration of the delivery of a page.", "send_time", "send_seconds"),
}

COVERAGE_GAUGES: dict[str, CoverageGauge] = {
    "cdc_verify_round_seconds": CoverageGauge(
        "Duration of the last whole round of the verification in the background.",
        lambda coverage: coverage.last_seconds,
    ),
    "cdc_verify_round_age_seconds": CoverageGauge(
        "Time since the end of that round.",
        lambda coverage: None if coverage.finished_at is None else _age(coverage.finished_at),
    ),
    "cdc_verify_differences": CoverageGauge(
        "Differences that the last whole round found, and the present one so far.",
        lambda coverage: (
            None if coverage.not_covered else coverage.differences + (coverage.last_differences or 0)
        ),
    ),
    "cdc_verify_failing": CoverageGauge(
        "Whether the verification could not go on the last time: 0 or 1.",
        lambda coverage: None if coverage.not_covered else coverage.failure is not None,
    ),
    "cdc_verify_covered": CoverageGauge(
        "Whether the verification in the background covers it: 0 or 1. `status` says why it does not.",
        lambda coverage: coverage.not_covered is None,
    ),
}

FAILURES = (
    "Tries at which the sink took nothing. `kind` says whom to ask: `unreachable`, `pushback` (it asked for "
    "a pause), `target` (it blames itself), `authorization`, or `program` (a bug of the sink)."
)

DATABASE_GAUGES: dict[str, str] = {
    "cdc_blockers": "Transactions and replication slots that keep something waiting (`status` names them).",
    "cdc_oldest_blocker_seconds": "Age of the oldest of these transactions; no sample if there is none.",
    "cdc_table_bytes": "Size of each table in schema cdc, with segments and indexes.",
    "cdc_feed_state": "1 for the state of each feed: " + ", ".join(STATES) + ".",
    "cdc_daemons_running": "Daemons that run on this database.",
}

OWN_GAUGES: dict[str, str] = {
    "cdc_build": "Version of this daemon; always 1.",
    "cdc_database_answers": "Whether the database answered: 0 or 1. If not, the other gauges are missing.",
}

DESCRIBED: dict[str, tuple[str, Sequence[str], str]] = {
    **{name: ("gauge", FEED, each.meaning) for name, each in FEED_GAUGES.items()},
    "cdc_feed_state": ("gauge", ("feed", "state"), DATABASE_GAUGES["cdc_feed_state"]),
    **{f"{name}_total": ("counter", FEED, each.meaning) for name, each in FEED_COUNTERS.items()},
    **{name: ("histogram", FEED, each.meaning) for name, each in FEED_HISTOGRAMS.items()},
    **{name: ("gauge", DELIVERY, each.meaning) for name, each in DELIVERY_GAUGES.items()},
    **{f"{name}_total": ("counter", DELIVERY, each.meaning) for name, each in DELIVERY_COUNTERS.items()},
    "cdc_sink_failures_total": ("counter", (*DELIVERY, "kind"), FAILURES),
    **{name: ("histogram", DELIVERY, each.meaning) for name, each in DELIVERY_HISTOGRAMS.items()},
    **{name: ("gauge", DELIVERY, each.meaning) for name, each in COVERAGE_GAUGES.items()},
    "cdc_blockers": ("gauge", (), DATABASE_GAUGES["cdc_blockers"]),
    "cdc_oldest_blocker_seconds": ("gauge", (), DATABASE_GAUGES["cdc_oldest_blocker_seconds"]),
    "cdc_table_bytes": ("gauge", ("table",), DATABASE_GAUGES["cdc_table_bytes"]),
    "cdc_daemons_running": ("gauge", (), DATABASE_GAUGES["cdc_daemons_running"]),
    "cdc_database_answers": ("gauge", (), OWN_GAUGES["cdc_database_answers"]),
    "cdc_build": ("gauge", ("version",), OWN_GAUGES["cdc_build"]),
}
"""Kind, labels and meaning of each metric, for the reference."""


class Collector:
    """Makes the samples of one request.

    Args:
        sums: sums of this process since its start.
        status: answers of the database; None if it can't be reached.
        coverage: what was verified in the background.
    """

    def __init__(self, sums: Sums, status: Status | None, coverage: Sequence[Coverage] = ()) -> None:
        self._sums = sums
        self._status = status
        self._coverage = coverage

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its samples."""
        yield _gauge("cdc_build", OWN_GAUGES["cdc_build"], ("version",), [((__version__,), 1)])
        answers = OWN_GAUGES["cdc_database_answers"]
        yield _gauge("cdc_database_answers", answers, (), [((), self._status is not None)])
        yield from self._counted()
        if self._status is not None:
            yield from _gauges(self._status)
            yield from _blocked(self._status)
            for name, gauge in COVERAGE_GAUGES.items():
                samples = [((each.sink or "", each.feed), gauge.value(each)) for each in self._coverage]
                yield _gauge(name, gauge.meaning, DELIVERY, samples)

    def _counted(self) -> Iterator[Metric]:
        failures = CounterMetricFamily("cdc_sink_failures", FAILURES, labels=(*DELIVERY, "kind"))
        for delivery, sent in self._sums.deliveries.items():
            for kind, number in sent.kinds.items():
                failures.add_metric((*delivery, kind), number)
        yield failures
        feeds = {(feed,): sums for feed, sums in self._sums.feeds.items()}
        for counters, histograms, labels, sums in (
            (FEED_COUNTERS, FEED_HISTOGRAMS, FEED, feeds),
            (DELIVERY_COUNTERS, DELIVERY_HISTOGRAMS, DELIVERY, self._sums.deliveries),
        ):
            for name, counter in counters.items():
                family = CounterMetricFamily(name, counter.meaning, labels=labels)
                for values, each in sums.items():
                    family.add_metric(values, getattr(each, counter.field))
                yield family
            for name, histogram in histograms.items():
                buckets = HistogramMetricFamily(name, histogram.meaning, labels=labels)
                for values, each in sums.items():
                    buckets.add_metric(values, _buckets(each, histogram), getattr(each, histogram.seconds))
                yield buckets


def exposition(sums: Sums, status: Status | None, coverage: Sequence[Coverage] = ()) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(sums, status, coverage))
    return generate_latest(registry)


def _gauges(status: Status) -> Iterator[Metric]:
    for name, gauge in FEED_GAUGES.items():
        yield _gauge(name, gauge.meaning, FEED, [((each.feed,), gauge.value(each)) for each in status.feeds])
    for name, delivery in DELIVERY_GAUGES.items():
        samples = [
            ((sink.sink, feed.feed), delivery.value(sink)) for feed in status.feeds for sink in feed.sinks
        ]
        yield _gauge(name, delivery.meaning, DELIVERY, samples)
    states = [((feed.feed, state), feed.state == state) for feed in status.feeds for state in STATES]
    yield _gauge("cdc_feed_state", DATABASE_GAUGES["cdc_feed_state"], ("feed", "state"), states)
    running = [((), len(status.daemons.running))]
    yield _gauge("cdc_daemons_running", DATABASE_GAUGES["cdc_daemons_running"], (), running)


def _blocked(status: Status) -> Iterator[Metric]:
    yield _gauge("cdc_blockers", DATABASE_GAUGES["cdc_blockers"], (), [((), len(status.blockers))])
    since = min((each.since for each in status.blockers if each.since), default=None)
    age = None if since is None else _age(since)
    oldest = DATABASE_GAUGES["cdc_oldest_blocker_seconds"]
    yield _gauge("cdc_oldest_blocker_seconds", oldest, (), [((), age)])
    sizes = [((table,), size) for table, size in status.sizes.items()]
    yield _gauge("cdc_table_bytes", DATABASE_GAUGES["cdc_table_bytes"], ("table",), sizes)


def _gauge(
    name: str, meaning: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float | None]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, float(value))
    return family


def _buckets(sums: FeedSums | DeliverySums, histogram: Histogram) -> list[tuple[str, float]]:
    """Return the cumulated classes of a histogram."""
    classes: Sequence[int] = getattr(sums, histogram.field)
    limits = [*(str(limit) for limit in LIMITS_SECONDS), "+Inf"]
    return list(zip(limits, accumulate(classes), strict=True))


def _age(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()
