"""How everything stands: daemons, feeds and sinks, read from the database alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from cdc_daemon.capture.catalogue import schema_exists
from cdc_daemon.errors import CdcError, FeedError, InstallError
from cdc_daemon.insight.daemons import SILENT_SECONDS, Daemons, read_daemons
from cdc_daemon.insight.feeds import FeedStatus, read_feed
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.settings import Settings
from cdc_daemon.workers import control
from cdc_daemon.workers.coexistence import subscribed
from cdc_daemon.workers.installation import require_current, wanted_steps
from cdc_daemon.workers.planning import FeedPlan, plan_feed


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
    daemons: Daemons = field(default=Daemons())


def read_status(connection: Connection, settings: Settings) -> Status:
    """How every configured feed stands now, each read on its own.

    Raises:
        InstallError: an earlier version installed what there is.
    """
    installed = schema_exists(connection)
    if installed:
        require_current(connection)
    plans, unplanned = _plans(connection, settings)
    drift = [*unplanned, *_drift(connection, settings, plans, unplanned)]
    uncaptured = _uncaptured(connection, list(plans.values()))
    if not installed:
        return Status([FeedStatus(name, "missing") for name in settings.feeds], drift, uncaptured)
    silent_seconds = max(SILENT_SECONDS, 3 * settings.daemon.idle_poll_seconds)
    deliveries = {name: feed.sinks for name, feed in settings.feeds.items()}
    daemons = read_daemons(connection, deliveries, silent_seconds=silent_seconds)
    pauses = control.pauses(connection)
    feeds = [
        read_feed(connection, name, sinks, plans.get(name), is_followed=daemons.follow(name), pauses=pauses)
        for name, sinks in deliveries.items()
    ]
    return Status(feeds, drift, uncaptured, daemons)


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
