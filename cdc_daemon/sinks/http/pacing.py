"""Limits the number of requests in flight and their rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

DECREASE = 0.5
"""Factor by which a sign of congestion reduces the window."""

LONGEST_PAUSE_SECONDS = 5.0
"""Longest pause in seconds within a call. A longer pause is left to the caller, which can be stopped."""


@dataclass
class Window:
    """How many requests may be in flight: additive increase, multiplicative decrease.

    The window grows by one request for each window of answers and halves at a sign of congestion. So several
    senders share a target evenly (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for
    Congestion Avoidance in Computer Networks", 1989).

    Attributes:
        most: upper limit and initial value.
    """

    most: int
    _size: float = field(init=False)
    _shrunk_at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._size = float(self.most)

    @property
    def size(self) -> int:
        """Number of requests that may be in flight now; at least 1."""
        return int(self._size)

    def grow(self) -> None:
        """Note that the target took a request."""
        self._size = min(float(self.most), self._size + 1 / self._size)

    def shrink(self, *, sent_at: float, now: float) -> None:
        """Note that the target can't keep up.

        Args:
            sent_at: begin of the request whose answer says so. Of requests that were in flight together, only
                the first one halves the window.
        """
        if sent_at >= self._shrunk_at:
            self._size = max(1.0, self._size * DECREASE)
            self._shrunk_at = now


@dataclass
class Rate:
    """A rate of requests at even intervals. Unused requests are not saved for later.

    Attributes:
        per_second: requests per second; None for no limit.
    """

    per_second: float | None
    _next: float = field(default=float("-inf"), init=False)

    def wait_seconds(self, now: float) -> float:
        """Seconds until the next request may begin."""
        return max(0.0, self._next - now)

    def begin(self, now: float) -> None:
        """Note that a request begins."""
        if self.per_second is not None:
            self._next = max(now, self._next) + 1 / self.per_second


class Pacing:
    """Window, rate and pause of one target, shared by all its senders.

    Args:
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        in_flight: int,
        requests_per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._window = Window(in_flight)
        self._rate = Rate(requests_per_second)
        self._clock = clock
        self._paused_until = float("-inf")
        self._under_way = 0
        self._changed = threading.Condition()

    @property
    def window(self) -> int:
        """Number of requests that may be in flight now."""
        return self._window.size

    @property
    def paused_seconds(self) -> float:
        """Remaining seconds of a pause that the target requested."""
        return max(0.0, self._paused_until - self._clock())

    def affordable(self, seconds: float) -> int:
        """Return how many requests may begin within some seconds in the present state; at least 1."""
        per_second = self._rate.per_second
        if per_second is None:
            return self._window.size
        return max(1, min(self._window.size, int(per_second * seconds)))

    @contextmanager
    def turn(self, until: float) -> Generator[float]:
        """Wait for a turn, and hold it during the block. Yields the time when it began.

        Args:
            until: deadline of the wait, on the clock.

        Raises:
            TimeoutError: there was no turn by then, or the target requested a longer pause.
        """
        with self._changed:
            while (wait := self._wait_seconds(now := self._clock())) != 0:
                left = until - now
                if self._paused_until - now > LONGEST_PAUSE_SECONDS:
                    raise TimeoutError("a long pause")
                if left <= 0 or (wait is not None and wait > left):
                    raise TimeoutError("no turn in time")
                self._changed.wait(left if wait is None else wait)
            self._under_way += 1
            self._rate.begin(now)
        try:
            yield now
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _wait_seconds(self, now: float) -> float | None:
        """Return 0 to begin now, the seconds to wait, or None to wait for the end of another request."""
        if now < self._paused_until:
            return self._paused_until - now
        if self._under_way >= self._window.size:
            return None
        return self._rate.wait_seconds(now)

    def taken(self) -> None:
        """Note that the target took a request."""
        with self._changed:
            self._window.grow()
            self._changed.notify_all()

    def pushed_back(self, *, sent_at: float, pause_seconds: float = 0.0) -> None:
        """Note that the target can't keep up, or did not answer in time.

        Args:
            sent_at: begin of the turn, from `turn`.
            pause_seconds: seconds during which nothing may be sent.
        """
        with self._changed:
            now = self._clock()
            self._window.shrink(sent_at=sent_at, now=now)
            self._paused_until = max(self._paused_until, now + pause_seconds)
            self._changed.notify_all()
