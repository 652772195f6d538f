"""How far each sink has a feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.undelivered import ReadPosition, undelivered
from cdc_daemon.insight.rates import DeliveryRates, read_delivery_rates
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.control import Pause

MOST_COUNTED = 10_000
"""Numbers are counted up to this one, so that no question grows with a feed."""


DELIVERY_STATES = ("failing", "paused", "full snapshot", "delivering", "up to date")
"""How a sink stands with a feed, the worst first."""


@dataclass(frozen=True)
class SinkStatus:
    """How far one sink has one feed.

    Attributes:
        undelivered: documents and deletes that it lacks; 0 while a full snapshot is asked for.
        failure: why it takes nothing now, if so; `failed_at`: since when; `retry_at`: when the next try is.
        attempts: tries since then.
        parked: failed items that are not tried again by themselves.
        paused: a person has paused the delivery; `pauses`: who, when and why.
        snapshot: a full snapshot is under way or asked for.
        ignored: records that it ignored because the target holds something newer.
        rates: its work in the last minutes.
        at_least: names of the fields whose number is a lower limit, because no more were counted.
    """

    sink: str
    undelivered: int = 0
    delivered: int = 0
    delivered_at: datetime | None = None
    failed_items: int = 0
    failure: str | None = None
    attempts: int = 0
    parked: int = 0
    paused: bool = False
    snapshot: bool = False
    ignored: int = 0
    failed_at: datetime | None = None
    retry_at: datetime | None = None
    pauses: Sequence[Pause] = ()
    rates: DeliveryRates = field(default=DeliveryRates())
    at_least: Sequence[str] = ()

    @property
    def state(self) -> str:
        """One of `DELIVERY_STATES`."""
        if self.paused:
            return "paused"
        if self.failure is not None:
            return "failing"
        if self.snapshot:
            return "full snapshot"
        return "delivering" if self.undelivered else "up to date"


def read_sinks(
    connection: Connection,
    feed: str,
    sinks: Sequence[str],
    definition: FeedDefinition | None,
    pauses: Sequence[Pause],
) -> list[SinkStatus]:
    """Return the state of each sink of a feed, in this order.

    Args:
        definition: None if the feed can't be planned; then a delivery that is behind lacks `at least` 1.
        pauses: all pauses.
    """
    with connection.cursor(row_factory=dict_row) as asked:
        asked.execute(statement("status.sinks"), {"feed": feed, "most": MOST_COUNTED})
        found = {row["sink"]: row for row in asked}
    return [
        _sink(connection, sink, feed, found[sink], definition, pauses) if sink in found else SinkStatus(sink)
        for sink in sinks
    ]


def _sink(
    connection: Connection,
    sink: str,
    feed: str,
    row: Mapping[str, Any],
    definition: FeedDefinition | None,
    pauses: Sequence[Pause],
) -> SinkStatus:
    lacking, more = 0, False
    if row["lacks"] and definition is None:
        lacking, more = 1, True
    elif row["lacks"] and definition is not None:
        position = ReadPosition(row["revision"], row["scan_key"], row["scan_until"], row["deletes"])
        lacking, more = undelivered(connection, definition, position, most=MOST_COUNTED)
    many = row["items"] > MOST_COUNTED
    capped = {"undelivered": more, "failed_items": many, "parked": many}
    return SinkStatus(
        sink,
        lacking,
        row["delivered"],
        row["delivered_at"],
        min(row["items"], MOST_COUNTED),
        row["failure"],
        row["attempts"],
        parked=min(row["parked"], MOST_COUNTED),
        paused=row["paused"],
        snapshot=row["snapshot"],
        ignored=row["ignored"],
        failed_at=row["failed_at"] if row["failure"] else None,
        retry_at=row["retry_at"] if row["failure"] else None,
        pauses=[each for each in pauses if each.sink in {None, sink} and each.feed in {None, feed}],
        rates=read_delivery_rates(connection, sink, feed, undelivered=lacking),
        at_least=[name for name, is_capped in capped.items() if is_capped],
    )
