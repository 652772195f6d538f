"""Wakes workers: an event for each feed and each delivery, which any thread sets when there is work."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class WakeUps:
    """An event for each worker. An event that is set during its work stays set until it waits again.

    Args:
        feeds: names of feeds.
        deliveries: pairs of sink and feed.
    """

    def __init__(self, feeds: Iterable[str], deliveries: Iterable[tuple[str, str]]) -> None:
        self._feeds = {name: threading.Event() for name in feeds}
        self._deliveries = {pair: threading.Event() for pair in deliveries}

    def add(self, feeds: Iterable[str], deliveries: Iterable[tuple[str, str]]) -> None:
        """Add workers of a changed configuration. Events of former workers stay, and harm nothing."""
        for name in feeds:
            self._feeds.setdefault(name, threading.Event())
        for pair in deliveries:
            self._deliveries.setdefault(pair, threading.Event())

    def wake_feed(self, name: str) -> None:
        """Wake the worker of a feed, if this process has it."""
        if name in self._feeds:
            self._feeds[name].set()

    def wake_delivery(self, sink: str, feed: str) -> None:
        """Wake a delivery, if this process has it."""
        if (sink, feed) in self._deliveries:
            self._deliveries[sink, feed].set()

    def wake_all(self) -> None:
        """Wake all workers, to stop."""
        for event in (*list(self._feeds.values()), *list(self._deliveries.values())):
            event.set()

    def await_feed(self, name: str, seconds: float) -> bool:
        """Wait for a wake-up, at most `seconds`. Return False if none came."""
        return _wait(self._feeds[name], seconds)

    def await_delivery(self, sink: str, feed: str, seconds: float) -> bool:
        """Wait for a wake-up, at most `seconds`. Return False if none came."""
        return _wait(self._deliveries[sink, feed], seconds)


def _wait(event: threading.Event, seconds: float) -> bool:
    woken = event.wait(seconds)
    event.clear()
    return woken
