"""Presence: tells in the database that this daemon runs, and on what it works."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

from cdc_daemon import __version__
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.lease import this_process


@dataclass(frozen=True)
class Presence:
    """What this daemon tells of itself.

    Attributes:
        id: name of this process for `cdc.daemon` (see `Witness`).
        name: the configuration's name.
        feeds, sinks: names of those that are configured.
        targets: digest of the target of each sink that has one.
    """

    id: Callable[[], str]
    name: str
    feeds: tuple[str, ...]
    sinks: tuple[str, ...]
    targets: Mapping[str, str] = field(default_factory=dict[str, str])
    _started: float = field(default_factory=time.monotonic)

    def show(self, connection: Connection) -> None:
        """Record that this daemon runs as long as this session lives.

        PostgreSQL ends the session of a killed process at once. A heartbeat alone would keep a killed daemon
        alive until it runs out, and call a daemon dead whose heartbeat waits behind a slow database.

        Args:
            connection: a session that this daemon keeps until it ends, and opens again when it is lost.
        """
        connection.execute(
            statement("daemon.show"),
            {
                "id": self.id(),
                "name": self.name,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "version": __version__,
                "process": this_process(),
                "seconds": time.monotonic() - self._started,
                "feeds": list(self.feeds),
                "sinks": list(self.sinks),
                "targets": orjson.dumps(self.targets).decode(),
            },
        )
