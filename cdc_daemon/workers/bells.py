"""Waking workers: a bell for each feed and each delivery, rung by whoever sees work for it."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Bells:
    """One event a worker; a ring that comes while it works is kept until it listens again.

    Args:
        feeds: by name.
        deliveries: pairs of sink and feed.
    """

    def __init__(self, feeds: Iterable[str], deliveries: Iterable[tuple[str, str]]) -> None:
        self._feeds = {name: threading.Event() for name in feeds}
        self._deliveries = {pair: threading.Event() for pair in deliveries}

    def ring_feed(self, name: str) -> None:
        self._feeds[name].set()

    def ring_delivery(self, sink: str, feed: str) -> None:
        """Wake a delivery, if this process has it."""
        if (sink, feed) in self._deliveries:
            self._deliveries[sink, feed].set()

    def ring_all(self) -> None:
        """Wake everybody, to stop."""
        for bell in (*self._feeds.values(), *self._deliveries.values()):
            bell.set()

    def await_feed(self, name: str, seconds: float) -> bool:
        """Wait for a ring; false if none came in time."""
        return _listen(self._feeds[name], seconds)

    def await_delivery(self, sink: str, feed: str, seconds: float) -> bool:
        """Wait for a ring; false if none came in time."""
        return _listen(self._deliveries[sink, feed], seconds)


def _listen(bell: threading.Event, seconds: float) -> bool:
    rung = bell.wait(seconds)
    bell.clear()
    return rung
