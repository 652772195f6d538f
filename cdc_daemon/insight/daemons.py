"""Which daemons run, by the sessions that PostgreSQL still has of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from cdc_daemon.pg.session import Connection, purpose_of
from cdc_daemon.pg.statements import statement

SILENT_SECONDS = 30.0
"""A daemon whose session has asked nothing for so long hangs. Its watcher asks every few moments."""

LONGEST_NAME = 63
"""PostgreSQL cuts `application_name` at so many bytes."""


@dataclass(frozen=True)
class Daemon:
    """A daemon that has told of itself.

    Attributes:
        name: the configuration's name ([daemon] name).
        state: `running`; `silent` (its session lives, but it does nothing: the process hangs or is frozen);
            or `gone` (it ended without a goodbye).
        beat_at: its last sign of life.
        silent_seconds: for how long it has given none, by the server's clock.
        feeds, sinks: names of those in its configuration.
        passed: feeds whose last pass it made.
        delivers: deliveries, as `sink/feed`, that it holds.
    """

    name: str
    host: str
    pid: int
    version: str
    state: str
    started_at: datetime
    beat_at: datetime
    silent_seconds: float
    feeds: Sequence[str]
    sinks: Sequence[str]
    passed: Sequence[str]
    delivers: Sequence[str]


@dataclass(frozen=True)
class Daemons:
    """The daemons of a database.

    Attributes:
        alive: those that run or hang.
        last: the one that was seen last, if none runs and it left without a goodbye.
        others: sessions that work on feeds and belong to no daemon: of `run --once`, of a command, or of a
            daemon of an earlier version. Sentences for people.
    """

    alive: Sequence[Daemon] = ()
    last: Daemon | None = None
    others: Sequence[str] = ()

    @property
    def running(self) -> Sequence[Daemon]:
        """Those that run."""
        return [daemon for daemon in self.alive if daemon.state == "running"]

    def follow(self, feed: str) -> bool:
        """Whether a running daemon has the feed in its configuration."""
        return any(feed in daemon.feeds for daemon in self.running)


def read_daemons(
    connection: Connection, deliveries: Mapping[str, Sequence[str]], *, silent_seconds: float = SILENT_SECONDS
) -> Daemons:
    """Return the daemons of this database.

    Args:
        deliveries: the sinks of each feed, to find sessions that work on them without a daemon.
        silent_seconds: how long a daemon may ask nothing.
    """
    with connection.cursor(row_factory=dict_row) as asked:
        found = [_daemon(row, silent_seconds) for row in asked.execute(statement("daemon.known"))]
    alive = [daemon for daemon in found if daemon.state != "gone"]
    if alive:
        return Daemons(alive)
    last = max(found, key=lambda daemon: daemon.beat_at, default=None)
    return Daemons((), last, _others(connection, deliveries))


def _daemon(row: dict[str, Any], silent_seconds: float) -> Daemon:
    connected, silent = row.pop("connected"), round(row.pop("silent_seconds"), 3)
    state = "gone" if not connected else "silent" if silent > silent_seconds else "running"
    return Daemon(**row, state=state, silent_seconds=silent)


def _others(connection: Connection, deliveries: Mapping[str, Sequence[str]]) -> list[str]:
    workers = [f"feed {feed}" for feed in deliveries]
    workers += [f"sink {sink}, feed {feed}" for feed, sinks in deliveries.items() for sink in sinks]
    names = [purpose_of(worker).encode()[:LONGEST_NAME].decode(errors="ignore") for worker in workers]
    rows = connection.execute(statement("daemon.others"), {"names": names}).fetchall()
    return [f"pid {pid} of role {role} from {address}" for pid, role, address in rows]
