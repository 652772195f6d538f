"""One sink in detail: how it stands with each of its feeds, and how its deliveries went in the last hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.insight.rates import MINUTE, percentile
from cdc_daemon.insight.sinks import SinkStatus, read_sinks
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers import control

HOUR_SECONDS = 3600.0


@dataclass(frozen=True)
class Lease:
    """The right of one process to deliver now. Another daemon takes over when it ends.

    Attributes:
        daemon, host, pid: of the process; None if it does not describe itself, as `run --once`.
        retries: whether failed items are due, which it sends again.
    """

    until: datetime
    daemon: str | None = None
    host: str | None = None
    pid: int | None = None
    retries: bool = False


@dataclass(frozen=True)
class Work:
    """What a sink took of a feed in some time.

    Attributes:
        batches: number of pages of records; `batch_records` and `batch_bytes` are the means of one.
        failures: tries at which it took nothing; `kinds` has their kinds (see `cdc_sink_failures_total`).
        send_p50, send_p99: seconds that a page took; None without one.
        lag_p50, lag_p99: seconds from the capture of a change to its delivery.
    """

    batches: int = 0
    delivered: int = 0
    bytes: int = 0
    failures: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict[str, int])
    send_p50: float | None = None
    send_p99: float | None = None
    lag_p50: float | None = None
    lag_p99: float | None = None

    @property
    def batch_records(self) -> float | None:
        """Records of a page, in the mean."""
        return self.delivered / self.batches if self.batches else None

    @property
    def batch_bytes(self) -> float | None:
        """Bytes of a page's documents, in the mean."""
        return self.bytes / self.batches if self.batches else None


@dataclass(frozen=True)
class Delivery:
    """How a sink stands with a feed.

    Attributes:
        state: `paused`, `failing`, `full snapshot`, `delivering`, `waiting`, `up to date` or `not begun`.
        in_flight: whether a page, or a failed item, may be on its way now. It is at most one page, of the
            sink's batches.
        lease: who delivers; None if nobody holds the right now.
        hour: its work in the last hour.
    """

    feed: str
    state: str
    status: SinkStatus
    in_flight: bool
    lease: Lease | None
    hour: Work


def read_deliveries(
    connection: Connection, sink: str, feeds: Sequence[str], definitions: Mapping[str, FeedDefinition]
) -> list[Delivery]:
    """Return how a sink stands with each of these feeds, in this order.

    Args:
        definitions: of the feeds that can be planned.
    """
    pauses = control.pauses(connection)
    leases = {
        feed: Lease(*lease)
        for feed, *lease in connection.execute(statement("sink_state.leases"), {"sink": sink})
    }
    work = _work(connection, sink)
    known = {feed for name, feed in connection.execute(statement("sink_state.deliveries")) if name == sink}
    found: list[Delivery] = []
    for feed in feeds:
        (status,) = read_sinks(connection, feed, [sink], definitions.get(feed), pauses)
        lease = leases.get(feed)
        can_send = lease is not None and not status.paused and status.failure is None
        behind = bool(status.undelivered) or status.snapshot
        in_flight = can_send and (behind or (lease is not None and lease.retries))
        found.append(
            Delivery(
                feed,
                _state(status, in_flight=in_flight) if feed in known else "not begun",
                status,
                in_flight,
                lease,
                work.get(feed, Work()),
            )
        )
    return found


def _state(status: SinkStatus, *, in_flight: bool) -> str:
    return "waiting" if status.state == "delivering" and not in_flight else status.state


def _work(connection: Connection, sink: str) -> dict[str, Work]:
    parameters = {"sink": sink, "width": MINUTE, "ago": HOUR_SECONDS}
    kinds: dict[str, dict[str, int]] = {}
    for feed, kind, number in connection.execute(statement("sample.kinds"), parameters):
        kinds.setdefault(feed, {})[kind] = number
    sums: dict[str, Counter[str]] = {}
    times: dict[str, tuple[list[int], list[int]]] = {}
    for feed, *numbers, lag, send_time in connection.execute(statement("sample.work_of_sink"), parameters):
        sums.setdefault(feed, Counter()).update(
            dict(zip(("batches", "delivered", "bytes", "failures"), numbers, strict=True))
        )
        before = times.get(feed, ([0] * len(lag), [0] * len(send_time)))
        times[feed] = (_added(before[0], lag), _added(before[1], send_time))
    return {
        feed: Work(
            batches=each["batches"],
            delivered=each["delivered"],
            bytes=each["bytes"],
            failures=each["failures"],
            kinds=kinds.get(feed, {}),
            send_p50=percentile(times[feed][1], 0.5),
            send_p99=percentile(times[feed][1], 0.99),
            lag_p50=percentile(times[feed][0], 0.5),
            lag_p99=percentile(times[feed][0], 0.99),
        )
        for feed, each in sums.items()
    }


def _added(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)]
