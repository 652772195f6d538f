"""The acts of persons, as recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class RecordedAct:
    """One row of `cdc.audit`.

    Attributes:
        act, feed, sink, arguments, web_user: see `cdc_daemon.workers.audit.Act`.
        role, os_user: the database role, and the user of the operating system.
        outcome: `done`, a count, or `failed:` with the reason.
    """

    at: datetime
    act: str
    role: str
    os_user: str | None
    web_user: str | None
    feed: str | None
    sink: str | None
    arguments: Mapping[str, object]
    outcome: str


def read_acts(
    connection: Connection,
    *,
    act: str | None = None,
    feed: str | None = None,
    sink: str | None = None,
    user: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[RecordedAct]:
    """Return acts, the latest first.

    Args:
        feed, sink: only acts about it, or about all feeds or sinks.
        user: a database role, or a user of the operating system or of the dashboard.
        limit: largest number of acts.
    """
    parameters = {"act": act, "feed": feed, "sink": sink, "user": user, "since": since, "limit": limit}
    return [RecordedAct(*row) for row in connection.execute(statement("audit.acts"), parameters)]
