"""The newest events of this process, in memory: what the dashboard of a daemon shows as its log."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

MOST_BYTES = 4 << 20
"""Size of the lines that are kept. The oldest ones go first."""

MOST_LINES = 5_000


class RecentLines:
    """Keeps the newest lines, up to a number and a size. Any thread may call it."""

    def __init__(self, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._lines = deque[bytes]()
        self._bytes = 0
        self._dropped = 0

    def add(self, line: bytes) -> None:
        """Add a line."""
        with self._lock:
            self._lines.append(line)
            self._bytes += len(line)
            while len(self._lines) > self._most_lines or (
                self._bytes > self._most_bytes and len(self._lines) > 1
            ):
                self._bytes -= len(self._lines.popleft())
                self._dropped += 1

    def lines(self) -> Sequence[bytes]:
        """Return the lines, the oldest first."""
        with self._lock:
            return list(self._lines)

    @property
    def dropped(self) -> int:
        """Number of lines that were dropped, because newer ones took their place."""
        return self._dropped
