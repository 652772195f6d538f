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
        self._timer: threading.Timer | None = None

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

    def _end(self) -> None:
        with self._lock:
            self._passed = True
            if self._watched is not None:
                _shut_down(self._watched)

    def __enter__(self) -> Self:
        _current.deadline = self
        self._timer = threading.Timer(self.remaining, self._end)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.deadline = None
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._watched = None


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
