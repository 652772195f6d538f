"""An answer that is kept for a moment, however many ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Recent(Generic[Answer]):
    """Asks once and gives the answer to everybody who asks within a moment.

    A page that many people have open costs the database as much as one.

    Args:
        ask: the question. Whoever asks meanwhile waits for its answer.
        seconds: how long an answer is given.
        about: returns what the answer is about. If that differs, the question is asked anew.
    """

    def __init__(
        self, ask: Callable[[], Answer], seconds: float, *, about: Callable[[], object] = lambda: None
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._about = about
        self._lock = threading.Lock()
        self._known: tuple[Answer, float, object] | None = None

    def __call__(self) -> Answer:
        """Return the answer."""
        with self._lock:
            about = self._about()
            if (
                self._known is None
                or time.monotonic() - self._known[1] >= self._seconds
                or self._known[2] != about
            ):
                self._known = (self._ask(), time.monotonic(), about)
            return self._known[0]
