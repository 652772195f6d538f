"""How one feed stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql
from psycopg.rows import dict_row

from cdc_daemon.capture.fingerprint import Fingerprint
from cdc_daemon.insight.rates import FeedRates, read_feed_rates
from cdc_daemon.insight.sinks import MOST_COUNTED, SinkStatus, read_sinks
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.control import Pause
from cdc_daemon.workers.planning import FeedPlan

RESTED_SECONDS = 180.0
"""How long the cursor of an idle feed may rest: a daemon moves it once in one or two minutes."""


@dataclass(frozen=True)
class FeedStatus:
    """How one feed stands.

    Attributes:
        state: `missing` (not installed), `stopped`, `new` (no cursor yet), `partial` (a table can't be
            captured yet; the others are followed by a daemon that runs), `not followed` (no running daemon
            has the feed), `syncing` (a first sync or resync is under way), or `live`.
        rows, tombstones: stored documents that exist and that are gone; None until a daemon has counted them,
            once after an upgrade.
        backlog: entities that wait for recomputation.
        unread: entries that it has not read.
        due: documents whose time (`_refresh_at`) has come.
        failed_entities: those that can't be computed; their documents stay as they were.
        left_out: entities that paused resyncs leave out until they are resumed.
        lag_seconds: age of the oldest of these entries, or how long a document has been due; 0.0 when there
            is none. None: nobody has measured it.
        lag_unknown: why nobody has.
        reason, since: why, and since when, it is `stopped` or `partial`.
        retry_at: when a stopped feed is tried again; None: no daemon will.
        last_pass: the fields of the last `pass_finished` that had entries.
        rates: its work in the last minutes.
        at_least: names of the fields whose number is a lower limit, because no more were counted.
    """

    feed: str
    state: str
    rows: int | None = 0
    tombstones: int | None = 0
    backlog: int = 0
    unread: int = 0
    due: int = 0
    failed_entities: int = 0
    left_out: int = 0
    lag_seconds: float | None = None
    lag_unknown: str | None = None
    reason: str | None = None
    since: datetime | None = None
    retry_at: datetime | None = None
    synced_at: datetime | None = None
    last_pass: Mapping[str, object] | None = None
    last_pass_at: datetime | None = None
    rates: FeedRates = field(default=FeedRates())
    at_least: Sequence[str] = ()
    sinks: Sequence[SinkStatus] = ()


def read_feed(
    connection: Connection,
    name: str,
    sinks: Sequence[str],
    plan: FeedPlan | None,
    *,
    is_followed: bool,
    pauses: Sequence[Pause],
) -> FeedStatus:
    """Return how a feed stands, and each of its sinks.

    Args:
        plan: None if the feed can't be planned.
        is_followed: whether a running daemon has the feed.
        pauses: all pauses.
    """
    with connection.cursor(row_factory=dict_row) as asked:
        asked.execute(statement("status.feed"), {"feed": name, "most": MOST_COUNTED})
        row = asked.fetchone()
    if row is None:
        return FeedStatus(name, "missing")
    cursor, reason, uncaptured = row["cursor"], row["stopped_reason"], row["uncaptured"]
    unread, lag = _unread(connection, cursor, row["changelogs"]) if cursor else (0, 0.0)
    due, due_seconds = _due(connection, name) if row["refreshes"] else (0, 0.0)
    lag = max(lag, due_seconds)
    if not cursor:
        unknown: str | None = "the feed has no cursor yet"
    elif uncaptured:
        unknown = "a table is not captured yet: what is written to it is found afterwards, by a resync"
    else:
        unknown = _unmeasured(connection, plan, row["fingerprint"])
    if unknown is None and not lag and row["rested"] > RESTED_SECONDS:
        unknown = f"no daemon has looked at the feed for {row['rested']:.0f} s"
    state = (
        "stopped"
        if reason
        else "new"
        if not cursor
        else "partial"
        if uncaptured
        else "not followed"
        if not is_followed
        else "syncing"
        if row["backlog"]
        else "live"
    )
    counted = {"unread": unread, "due": due, "failed_entities": row["failed"]}
    return FeedStatus(
        feed=name,
        state=state,
        rows=row["documents"],
        tombstones=row["tombstones"],
        backlog=row["backlog"],
        unread=min(unread, MOST_COUNTED),
        due=min(due, MOST_COUNTED),
        failed_entities=min(row["failed"], MOST_COUNTED),
        left_out=row["left_out"],
        lag_seconds=None if unknown else lag,
        lag_unknown=unknown,
        reason=reason or uncaptured,
        since=row["stopped_at"] if reason else row["uncaptured_since"],
        retry_at=row["retry_at"] if reason and is_followed else None,
        synced_at=row["synced_at"],
        last_pass=row["last_pass"],
        last_pass_at=row["last_pass_at"],
        rates=read_feed_rates(connection, name, backlog=row["backlog"]),
        at_least=[name for name, number in counted.items() if number > MOST_COUNTED],
        sinks=read_sinks(connection, name, sinks, plan.definition if plan else None, pauses),
    )


def _unread(connection: Connection, cursor: str, changelogs: Sequence[str]) -> tuple[int, float]:
    total, oldest = 0, 0.0
    for changelog in changelogs:
        row = connection.execute(
            statement("status.unread", changelog=sql.Identifier(changelog)),
            {"since": cursor, "most": MOST_COUNTED},
        ).fetchone()
        if row:
            total += row[0]
            oldest = max(oldest, row[1])
    return total, round(oldest, 3)


def _due(connection: Connection, name: str) -> tuple[int, float]:
    query = statement("status.due", feed=sql.Identifier(f"feed_{name}"))
    row = connection.execute(query, {"most": MOST_COUNTED}).fetchone()
    return (row[0], round(row[1], 3)) if row else (0, 0.0)


def _unmeasured(connection: Connection, plan: FeedPlan | None, fingerprint: str | None) -> str | None:
    """Why the entries don't tell how far a feed is behind, if so."""
    if plan is None:
        return "the feed can't be planned"
    if Fingerprint(plan.dependencies).read(connection) != fingerprint:
        return "what the feed depends on was changed since its last pass: changes may have been missed"
    return None
