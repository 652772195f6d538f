"""How everything stands: daemons, feeds and sinks, read from the database alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from cdc_daemon.capture.catalogue import schema_exists
from cdc_daemon.errors import CdcError, FeedError, InstallError
from cdc_daemon.insight.blocking import Blocker, read_blockers
from cdc_daemon.insight.coverage import Coverage, read_coverage
from cdc_daemon.insight.daemons import SILENT_SECONDS, Daemons, read_daemons
from cdc_daemon.insight.feeds import FeedStatus, read_feed
from cdc_daemon.insight.sizes import read_sizes
from cdc_daemon.insight.write_cost import WriteCost, read_write_costs
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.settings import Settings
from cdc_daemon.workers import control
from cdc_daemon.workers.coexistence import subscribed
from cdc_daemon.workers.installation import wanted_steps
from cdc_daemon.workers.migrations import Migration, read_applied, require_current
from cdc_daemon.workers.planning import FeedPlan, plan_feed


@dataclass(frozen=True)
class Status:
    """Everything `cdc-daemon status` shows.

    Attributes:
        drift: what `install` would create, replace or drop, and feeds that can't be planned.
        uncaptured: source tables whose changes are not all captured, and why.
        blockers: transactions and slots that keep something waiting.
        sizes: bytes of each table in schema cdc.
        write_costs: what capture adds to a statement, where the server measures it.
        coverage: how far the verification in the background has come.
        schema: the last migration of schema cdc, whose number is the schema's version; None if nothing is
            installed.
    """

    feeds: Sequence[FeedStatus]
    drift: Sequence[str] = field(default=())
    uncaptured: Sequence[str] = field(default=())
    daemons: Daemons = field(default=Daemons())
    blockers: Sequence[Blocker] = field(default=())
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    write_costs: Sequence[WriteCost] = field(default=())
    coverage: Sequence[Coverage] = field(default=())
    schema: Migration | None = None


@dataclass(frozen=True)
class Objects:
    """The plans of feeds, and how installed objects differ from them. Reading them takes most of a status."""

    plans: Mapping[str, FeedPlan]
    drift: Sequence[str]
    uncaptured: Sequence[str]


def read_objects(connection: Connection, settings: Settings, names: Sequence[str] = ()) -> Objects:
    """Plan these feeds (default: all), and compare the installed objects with the plans."""
    wanted = names or list(settings.feeds)
    plans, unplanned = _plans(connection, settings, wanted)
    complete = not unplanned and set(wanted) == set(settings.feeds)
    drift = [*unplanned, *_drift(connection, settings, plans, complete=complete)]
    return Objects(plans, drift, _uncaptured(connection, list(plans.values())))


def compare_objects(connection: Connection, settings: Settings, plans: Mapping[str, FeedPlan]) -> Objects:
    """Compare the installed objects with plans that exist already, such as those of a running daemon."""
    complete = set(plans) == set(settings.feeds)
    drift = _drift(connection, settings, plans, complete=complete)
    return Objects(plans, drift, _uncaptured(connection, list(plans.values())))


def read_status(
    connection: Connection, settings: Settings, names: Sequence[str] = (), *, objects: Objects | None = None
) -> Status:
    """How these feeds (default: all) stand now, each read on its own.

    Args:
        objects: the result of an earlier `read_objects`, for a status that is read again and again.

    Raises:
        InstallError: another version installed what there is.
    """
    installed = schema_exists(connection)
    if installed:
        require_current(connection)
    wanted = names or list(settings.feeds)
    objects = objects or read_objects(connection, settings, wanted)
    plans, drift, uncaptured = objects.plans, objects.drift, objects.uncaptured
    if not installed:
        return Status([FeedStatus(name, "missing") for name in wanted], drift, uncaptured)
    silent_seconds = max(SILENT_SECONDS, 3 * settings.daemon.idle_poll_seconds)
    deliveries = {name: settings.feeds[name].sinks for name in wanted}
    daemons = read_daemons(connection, deliveries, silent_seconds=silent_seconds)
    pauses = control.pauses(connection)
    feeds = [
        read_feed(connection, name, sinks, plans.get(name), is_followed=daemons.follow(name), pauses=pauses)
        for name, sinks in deliveries.items()
    ]
    beginning = {
        feed.feed: [table.oid for table in plans[feed.feed].catalogue.tables.values()]
        for feed in feeds
        if feed.state == "new" and feed.feed in plans
    }
    return Status(
        feeds,
        drift,
        uncaptured,
        daemons,
        read_blockers(connection, beginning),
        read_sizes(connection),
        read_write_costs(connection),
        [each for each in read_coverage(connection, settings) if each.feed in deliveries],
        read_applied(connection)[-1],
    )


def read_status_of(connection: Connection, settings: Settings, name: str, objects: Objects) -> FeedStatus:
    """How one feed stands now. It asks nothing about the others.

    Raises:
        InstallError: an earlier version installed what there is.
    """
    if not schema_exists(connection):
        return FeedStatus(name, "missing")
    require_current(connection)
    sinks = settings.feeds[name].sinks
    silent_seconds = max(SILENT_SECONDS, 3 * settings.daemon.idle_poll_seconds)
    daemons = read_daemons(connection, {name: sinks}, silent_seconds=silent_seconds)
    return read_feed(
        connection,
        name,
        sinks,
        objects.plans.get(name),
        is_followed=daemons.follow(name),
        pauses=control.pauses(connection),
    )


def _plans(
    connection: Connection, settings: Settings, names: Sequence[str]
) -> tuple[dict[str, FeedPlan], list[str]]:
    """The plan of each feed, and a sentence for each that can't be planned."""
    plans: dict[str, FeedPlan] = {}
    unplanned: list[str] = []
    for name in names:
        try:
            plans[name] = plan_feed(connection, settings, name)
        except (CdcError, psycopg.Error) as error:
            told = error.message_for(name) if isinstance(error, FeedError) else first_line(error)
            unplanned.append(f"feed {name} can't be planned: {told}")
    return plans, unplanned


def _drift(
    connection: Connection, settings: Settings, plans: Mapping[str, FeedPlan], *, complete: bool
) -> list[str]:
    try:
        steps = wanted_steps(connection, settings, list(plans.values()), complete=complete)
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
