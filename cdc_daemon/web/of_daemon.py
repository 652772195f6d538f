"""The server of a running daemon: where its answers come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import psycopg
from starlette.applications import Starlette

from cdc_daemon.dashboard.application import dashboard
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.errors import CdcError
from cdc_daemon.insight.coverage import Coverage, read_coverage
from cdc_daemon.insight.recent import Recent
from cdc_daemon.insight.status import Objects, Status, compare_objects, read_status
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.web.application import Answers, application
from cdc_daemon.web.health import Health
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.samples import Samples

RECENT_SECONDS = 1.0
"""How long the answers of the database are given to everybody who asks."""

OBJECTS_SECONDS = 60.0
"""How long the comparison of the installed objects is given to everybody who asks."""


def application_of(
    settings: Callable[[], Settings],
    *,
    session: Callable[[], AbstractContextManager[Connection]],
    registry: Registry,
    samples: Samples,
    health: Callable[[], Health],
) -> Starlette:
    """Return the application that tells of this daemon.

    Args:
        settings: returns those in force. The server outlives a reload that does not change `[http]`.
        session: opens a session for one question.
    """

    def status() -> Status | None:
        try:
            with session() as connection:
                return read_status(connection, settings(), objects=Objects(registry.plans(), (), ()))
        except (CdcError, psycopg.Error):
            return None  # the metric cdc_database_answers says so; the workers log it

    def coverage() -> Sequence[Coverage]:
        try:
            with session() as connection:
                return read_coverage(connection, settings())
        except (CdcError, psycopg.Error):
            return ()

    def objects() -> Objects:
        with session() as connection:
            return compare_objects(connection, settings(), registry.plans())

    def planned() -> object:
        # A feed that was added is planned a moment after the reload.
        return settings(), sorted(registry.plans())

    pages = Sources(settings, session, Recent(objects, OBJECTS_SECONDS, about=planned))
    return application(
        Answers(
            health, samples.since_start, Recent(status, RECENT_SECONDS), Recent(coverage, RECENT_SECONDS)
        ),
        dashboard(pages) if settings().http.dashboard else None,
    )
