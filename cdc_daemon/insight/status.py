"""How every feed and sink stands, read from the database alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import sql

from cdc_daemon.capture.catalogue import schema_exists
from cdc_daemon.capture.fingerprint import Fingerprint
from cdc_daemon.errors import CdcError, FeedError, InstallError
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.coexistence import subscribed
from cdc_daemon.workers.installation import require_current, wanted_steps
from cdc_daemon.workers.planning import FeedPlan, plan_feed

RESTED_SECONDS = 180.0
"""How long the cursor of an idle feed may rest: a daemon moves it once in one or two minutes."""


@dataclass(frozen=True)
class SinkStatus:
    """How far one sink has one feed.

    Attributes:
        undelivered: documents and deletes that it lacks, at most; 0 while a full snapshot is asked for.
        failure: why it takes nothing now, if so.
        parked: failed items that are not tried again by themselves.
        paused: a person has paused the delivery.
        snapshot: a full snapshot is under way or asked for.
        ignored: records that it ignored because the target holds something newer.
    """

    sink: str
    undelivered: int
    delivered: int
    delivered_at: datetime | None
    failed_items: int
    failure: str | None
    attempts: int
    parked: int = 0
    paused: bool = False
    snapshot: bool = False
    ignored: int = 0


@dataclass(frozen=True)
class FeedStatus:
    """How one feed stands.

    Attributes:
        state: `missing` (not installed), `new`, `syncing` (a first sync or resync is under way), `live`,
            `partial` (a table can't be captured yet; the others are followed) or `stopped`.
        rows, tombstones: stored documents that exist and that are gone.
        backlog: entities in the backlog.
        unread: entries that it has not read.
        due: documents whose time (`_refresh_at`) has come.
        failed_entities: those that can't be computed; their documents stay as they were.
        lag_seconds: age of the oldest of these entries, or how long a document has been due; 0.0 when there
            is none. None: nobody has measured it.
        lag_unknown: why nobody has.
        reason, since: why, and since when, it is `stopped` or `partial`.
        last_pass: the fields of the last `pass_finished` that had entries.
    """

    feed: str
    state: str
    rows: int = 0
    tombstones: int = 0
    backlog: int = 0
    unread: int = 0
    due: int = 0
    failed_entities: int = 0
    lag_seconds: float | None = None
    lag_unknown: str | None = None
    reason: str | None = None
    since: datetime | None = None
    synced_at: datetime | None = None
    last_pass: Mapping[str, object] | None = None
    last_pass_at: datetime | None = None
    sinks: Sequence[SinkStatus] = ()


@dataclass(frozen=True)
class Status:
    """Everything `cdc-daemon status` shows.

    Attributes:
        drift: what `install` would create, replace or drop, and feeds that can't be planned.
        uncaptured: source tables whose changes are not all captured, and why.
    """

    feeds: Sequence[FeedStatus]
    drift: Sequence[str] = field(default=())
    uncaptured: Sequence[str] = field(default=())


def read_status(connection: Connection, settings: Settings) -> Status:
    """How every configured feed stands now, each read on its own.

    Raises:
        InstallError: an earlier version installed what there is.
    """
    installed = schema_exists(connection)
    if installed:
        require_current(connection)
    plans, unplanned = _plans(connection, settings)
    feeds = [
        _feed(connection, name, settings.feeds[name].sinks, plans.get(name))
        if installed
        else FeedStatus(name, "missing")
        for name in settings.feeds
    ]
    return Status(
        feeds,
        [*unplanned, *_drift(connection, settings, plans, unplanned)],
        _uncaptured(connection, list(plans.values())),
    )


def _feed(connection: Connection, name: str, sinks: Sequence[str], plan: FeedPlan | None) -> FeedStatus:
    row = connection.execute(statement("status.feed"), {"feed": name}).fetchone()
    if row is None:
        return FeedStatus(name, "missing")
    (
        cursor,
        backlog,
        synced_at,
        reason,
        last_pass,
        last_pass_at,
        changelogs,
        refreshes,
        failed,
        fingerprint,
        rested,
        stopped_at,
        uncaptured,
        uncaptured_since,
    ) = row
    table = sql.Identifier(f"feed_{name}")
    counts = connection.execute(statement("feed.count", feed=table)).fetchone()
    rows, tombstones = counts or (0, 0)
    unread, lag = _unread(connection, cursor, changelogs) if cursor else (0, 0.0)
    waiting = connection.execute(statement("status.due", feed=table)).fetchone() if refreshes else None
    due, due_seconds = waiting or (0, 0.0)
    lag = max(lag, round(due_seconds, 3))
    if not cursor:
        unknown: str | None = "the feed has no cursor yet"
    elif uncaptured:
        unknown = "a table is not captured yet: what is written to it is found afterwards, by a resync"
    else:
        unknown = _unmeasured(connection, plan, fingerprint)
    if unknown is None and not lag and rested > RESTED_SECONDS:
        unknown = f"no daemon has looked at the feed for {rested:.0f} s"
    state = (
        "stopped"
        if reason
        else "partial"
        if uncaptured
        else "new"
        if not cursor
        else "syncing"
        if backlog
        else "live"
    )
    return FeedStatus(
        feed=name,
        state=state,
        rows=rows,
        tombstones=tombstones,
        backlog=backlog,
        unread=unread,
        due=due,
        failed_entities=failed,
        lag_seconds=None if unknown else lag,
        lag_unknown=unknown,
        reason=reason or uncaptured,
        since=stopped_at if reason else uncaptured_since,
        synced_at=synced_at,
        last_pass=last_pass,
        last_pass_at=last_pass_at,
        sinks=[_sink(connection, sink, name) for sink in sinks],
    )


def _unread(connection: Connection, cursor: str, changelogs: Sequence[str]) -> tuple[int, float]:
    total, oldest = 0, 0.0
    for changelog in changelogs:
        unread = statement("changelog.unread", changelog=sql.Identifier(changelog))
        row = connection.execute(
            statement("changelog.oldest_unread", unread=unread), {"since": cursor}
        ).fetchone()
        if row:
            total += row[0]
            oldest = max(oldest, row[1])
    return total, round(oldest, 3)


def _sink(connection: Connection, sink: str, feed: str) -> SinkStatus:
    row = connection.execute(statement("status.sink"), {"sink": sink, "feed": feed}).fetchone()
    if row is None:
        return SinkStatus(sink, 0, 0, None, 0, None, 0)
    lacks, *rest = row
    undelivered = statement("feed.undelivered", feed=sql.Identifier(f"feed_{feed}"))
    found = connection.execute(undelivered, {"sink": sink, "name": feed}).fetchone() if lacks else None
    return SinkStatus(sink, found[0] if found else 0, *rest)


def _unmeasured(connection: Connection, plan: FeedPlan | None, fingerprint: str | None) -> str | None:
    """Why the entries don't tell how far a feed is behind, if so."""
    if plan is None:
        return "the feed can't be planned"
    if Fingerprint(plan.dependencies).read(connection) != fingerprint:
        return "what the feed depends on was changed since its last pass: changes may have been missed"
    return None


def _plans(connection: Connection, settings: Settings) -> tuple[dict[str, FeedPlan], list[str]]:
    """The plan of each feed, and a sentence for each that can't be planned."""
    plans: dict[str, FeedPlan] = {}
    unplanned: list[str] = []
    for name in settings.feeds:
        try:
            plans[name] = plan_feed(connection, settings, name)
        except (CdcError, psycopg.Error) as error:
            told = error.message_for(name) if isinstance(error, FeedError) else first_line(error)
            unplanned.append(f"feed {name} can't be planned: {told}")
    return plans, unplanned


def _drift(
    connection: Connection, settings: Settings, plans: Mapping[str, FeedPlan], unplanned: Sequence[str]
) -> list[str]:
    try:
        steps = wanted_steps(connection, settings, list(plans.values()), complete=not unplanned)
    except (InstallError, psycopg.Error) as error:
        return [first_line(error)]
    return [f"{step.action} {step.what}" for step in steps]


def _uncaptured(connection: Connection, plans: Sequence[FeedPlan]) -> list[str]:
    return [
        f"{where}: {what}"
        for plan in plans
        for where, what, _ in subscribed(
            connection, plan.definition.name, [table.oid for table in plan.catalogue.tables.values()]
        )
    ]
