"""Limits how often a password may be tried."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import deque
from collections.abc import Callable

SECONDS = 300.0
"""Failed log-ins count for so long."""

MOST_OF_ADDRESS, MOST_OF_NAME = 10, 20
"""Failed log-ins after which an address, and a name, must wait. Anybody can spend the tries of a name."""

MOST_KNOWN = 10_000
"""Addresses and names that are kept in memory. Past this, the oldest are forgotten."""


class Attempts:
    """Failed log-ins by address and by name.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[tuple[str, str], deque[float]] = {}

    def wait_seconds(self, address: str, name: str) -> int:
        """Return for how many seconds this address or name must wait; 0 if it may try."""
        now = self._clock()
        with self._lock:
            return max(self._wait(now, key, most) for key, most in _keys(address, name))

    def fail(self, address: str, name: str) -> None:
        """Count a failed log-in."""
        now = self._clock()
        with self._lock:
            for key, most in _keys(address, name):
                times = self._failed.pop(key, None) or deque(maxlen=most)
                times.append(now)
                self._failed[key] = times
            while len(self._failed) > MOST_KNOWN:
                del self._failed[next(iter(self._failed))]

    def succeed(self, address: str, name: str) -> None:
        """Forget the failed log-ins of this name from this address: a person mistyped."""
        with self._lock:
            for key, _ in _keys(address, name):
                self._failed.pop(key, None)

    def _wait(self, now: float, key: tuple[str, str], most: int) -> int:
        times = self._failed.get(key)
        if times is None or len(times) < most or now - times[0] >= SECONDS:
            return 0
        return math.ceil(SECONDS - (now - times[0]))


def _keys(address: str, name: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return (("address", _network(address)), MOST_OF_ADDRESS), (("name", name[:200]), MOST_OF_NAME)


def _network(address: str) -> str:
    """Return the address, or the /64 of an IPv6 address: a machine has all addresses of its own."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
