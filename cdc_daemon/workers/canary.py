"""The canary: a change of the daemon's own, every few seconds.

A histogram of the changes of others says nothing while nobody changes anything, and a feed that follows no
change looks like one that has none. The canary's change takes the way of all others, so the histograms of
its feed tell at any time how fresh documents are at the receiver.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


class Canary:
    """Changes its row until it is stopped.

    Args:
        session: opens a session for one change.
        seconds: pause between two changes.
    """

    name = "canary"

    def __init__(self, session: Callable[[], AbstractContextManager[Connection]], seconds: float) -> None:
        self._session = session
        self._seconds = seconds

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Work until stopped."""
        while not stop.is_set():
            with self._session() as connection:
                connection.execute(statement("canary.beat"))
            heartbeat()
            stop.wait(self._seconds)
