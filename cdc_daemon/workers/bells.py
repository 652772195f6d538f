"""Waking workers: a bell for each feed and each sink, rung by whoever sees work for it."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Bells:
    """One event a worker; a ring that comes while it works is kept until it listens again."""

    def __init__(self, feeds: Iterable[str], sinks: Iterable[str]) -> None:
        self._feeds = {name: threading.Event() for name in feeds}
        self._sinks = {name: threading.Event() for name in sinks}

    def ring_feed(self, name: str) -> None:
        self._feeds[name].set()

    def ring_sink(self, name: str) -> None:
        self._sinks[name].set()

    def ring_all(self) -> None:
        """Wake everybody, to stop."""
        for bell in (*self._feeds.values(), *self._sinks.values()):
            bell.set()

    def await_feed(self, name: str, seconds: float) -> bool:
        """Wait for a ring; false if none came in time."""
        return _listen(self._feeds[name], seconds)

    def await_sink(self, name: str, seconds: float) -> bool:
        """Wait for a ring; false if none came in time."""
        return _listen(self._sinks[name], seconds)


def _listen(bell: threading.Event, seconds: float) -> bool:
    rung = bell.wait(seconds)
    bell.clear()
    return rung
