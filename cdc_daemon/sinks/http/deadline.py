"""The moment at which an exchange ends, whatever its server does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

_current = threading.local()


class Deadline:
    """Ends what this thread does on watched sockets at a moment, by shutting them down.

    The time limits of urllib3 and of http.client are for one read each: a server that sends a byte now and
    then holds them forever, and the lease on what is being delivered runs out meanwhile. Only the name
    service, which has limits of its own, is outside it.

    Args:
        at: on the monotonic clock, in seconds.
    """

    def __init__(self, at: float) -> None:
        self.at = at
        self._lock = threading.Lock()
        self._passed = False
        self._watched: socket.socket | None = None

    @property
    def remaining(self) -> float:
        """Seconds until then; never below a millisecond: 0 would mean "do not block" to a socket."""
        return max(0.001, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether it came, and ended what was watched."""
        return self._passed

    def watch(self, descriptor: socket.socket) -> None:
        """Shut this socket down at the deadline, and no longer the one before.

        Args:
            descriptor: a duplicate of the one that is used, so that it stays valid while TLS takes the other.
        """
        with self._lock:
            self._watched = descriptor
            if self._passed:
                _shut_down(descriptor)

    def end(self) -> None:
        """Shut down what is watched: the moment has come."""
        with self._lock:
            self._passed = True
            if self._watched is not None:
                _shut_down(self._watched)

    def __enter__(self) -> Self:
        _current.deadline = self
        _watch.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.deadline = None
        _watch.remove(self)
        with self._lock:
            self._watched = None


class _Watch:
    """One thread that ends deadlines when they come: a timer of its own for each would cost a thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._set: set[Deadline] = set()
        self._wakes_at = float("inf")
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            self._set.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif deadline.at < self._wakes_at:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._changed:
            self._set.discard(deadline)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                due = [one for one in self._set if one.at <= now]
                self._set.difference_update(due)
                if not due:
                    # A deadline that was kept wakes it for nothing, once: cheaper than a wake at each end.
                    self._wakes_at = min((one.at for one in self._set), default=float("inf"))
                    self._changed.wait(None if self._wakes_at == float("inf") else self._wakes_at - now)
            for one in due:
                one.end()


_watch = _Watch()


def current() -> Deadline:
    """The deadline that this thread is within.

    Raises:
        LookupError: there is none: whatever reaches the network has one.
    """
    deadline: Deadline | None = getattr(_current, "deadline", None)
    if deadline is None:
        raise LookupError("no deadline")
    return deadline


def _shut_down(descriptor: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended by itself
        descriptor.shutdown(socket.SHUT_RDWR)
