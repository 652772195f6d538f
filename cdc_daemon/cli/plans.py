"""Plans several feeds at once, and prints the steps of an install."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc_daemon.errors import ConfigurationError, FeedError
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings, canary
from cdc_daemon.workers.planning import FeedPlan, plan_feed


def plan_feeds(connection: Connection, settings: Settings, names: Sequence[str]) -> list[FeedPlan]:
    """Return the plans of several feeds.

    The canary is left out before the first install, which makes its table.

    Raises:
        ConfigurationError: some feeds can't be planned. The error has a fault for each.
    """
    plans: list[FeedPlan] = []
    faults: list[tuple[str, str, str | None]] = []
    for name in names:
        if awaits_install(connection, name):
            continue
        try:
            plans.append(plan_feed(connection, settings, name))
        except FeedError as error:
            faults += error.faults(name)
    if faults:
        raise ConfigurationError(faults)
    return plans


def awaits_install(connection: Connection, name: str) -> bool:
    """Whether a feed can't be planned before the first install: the canary, whose table the install makes."""
    if name != canary.FEED:
        return False
    row = connection.execute(statement("canary.exists")).fetchone()
    return not (row and row[0])


def lines_of_steps(steps: Sequence[Step]) -> Iterator[str]:
    """Yield a line for each step of an install, in their order."""
    width = max((len(step.action) for step in steps), default=0)
    for step in steps:
        yield f"  {step.action:<{width}}  {step.what}"
