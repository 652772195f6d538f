"""The dashboard without a daemon: its answers come from the database alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from starlette.applications import Starlette

from cdc_daemon.dashboard.application import dashboard
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.insight.recent import Recent
from cdc_daemon.insight.recent_log import LogPlace
from cdc_daemon.insight.status import Objects, read_objects
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings

OBJECTS_SECONDS = 60.0
"""How long plans, and the comparison of the installed objects with them, are given to everybody who asks."""


def application_alone(
    settings: Settings, session: Callable[[], AbstractContextManager[Connection]], log: LogPlace
) -> Starlette:
    """Return the application.

    Args:
        session: opens a session for one question.
        log: where daemons write their log.
    """

    def objects() -> Objects:
        with session() as connection:
            return read_objects(connection, settings)

    return dashboard(Sources(lambda: settings, session, Recent(objects, OBJECTS_SECONDS), log))
