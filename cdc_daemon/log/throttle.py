"""Limits how often the log repeats one failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class _Written:
    at: float
    suppressed: int = 0


class Throttle:
    """Writes an event about one thing at most once in a while, with the number of those left out.

    Usage: `throttle.log(log.warning, "sink_failed", about="catalog", reason=…)`.

    Args:
        every_seconds: the throttle writes at most one line for an event and a thing in this time.
        clock: returns seconds that only grow.
    """

    def __init__(self, every_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_seconds = every_seconds
        self._clock = clock
        self._written: dict[tuple[str, str], _Written] = {}
        self._lock = threading.Lock()

    def log(self, write: Callable[..., Any], event: str, *, about: str, **fields: object) -> bool:
        """Write the event, unless the same event about the same thing was written just now.

        Args:
            write: a logger's method, such as `log.warning`.
            about: the thing that failed. The line does not contain it. Another failure needs another thing.

        Returns:
            Whether the event was written. If events were left out before it, the line has their number in
            `repeated`.
        """
        now = self._clock()
        with self._lock:
            last = self._written.get((event, about))
            if last is not None and now - last.at < self._every_seconds:
                last.suppressed += 1
                return False
            self._written[event, about] = _Written(now)
        if last is not None and last.suppressed:
            fields["repeated"] = last.suppressed
        write(event, **fields)
        return True

    def reset(self, event: str, *, about: str) -> None:
        """Forget the event: the failure is over, and its next occurrence is written at once."""
        with self._lock:
            self._written.pop((event, about), None)
