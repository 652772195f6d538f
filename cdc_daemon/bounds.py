"""How long an exchange with a target may last and how much it may answer, for every socket that it uses."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

MOST_ANSWER_BYTES = 1024 * 1024
"""Of what a target may say in one exchange. The answer to a thousand records has a tenth of this."""

_BYTES_A_RECORD = 256


def most_answer(records: int) -> int:
    """The same in bytes, where the answer has a part for each of so many records."""
    return MOST_ANSWER_BYTES + _BYTES_A_RECORD * records


_current = threading.local()


class AnswerTooLarge(OSError):
    """A target said more than any answer needs; the rest was not read."""

    def __init__(self) -> None:
        super().__init__("answered with more than can be read")


class Bounds:
    """What this thread may wait and read within a `with` block, whatever its target does.

    The time limits of client libraries are for one read each, and none of them limits what is read. A server
    that sends a byte now and then holds its caller for ever, past the lease on what is being delivered. One
    that never ends its answer takes all memory. So the sockets that the libraries are given ask here.

    Args:
        until: the end, on the monotonic clock, in seconds.
        most_bytes: how much may be read.
    """

    def __init__(self, until: float, most_bytes: int = MOST_ANSWER_BYTES) -> None:
        self.until = until
        self._left = most_bytes

    @property
    def remaining(self) -> float:
        """Seconds until the end.

        Raises:
            TimeoutError: none.
        """
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the exchange is over")
        return left

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.until

    @property
    def exceeded(self) -> bool:
        """Whether more came than may be read."""
        return self._left < 0

    def count(self, size: int) -> None:
        """Hear that so many bytes were read.

        Raises:
            AnswerTooLarge: they were too many, now or before.
        """
        self._left -= size
        if self._left < 0:
            raise AnswerTooLarge

    def __enter__(self) -> Self:
        self._outer = getattr(_current, "bounds", None)
        _current.bounds = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.bounds = self._outer


def current() -> Bounds:
    """The bounds that this thread is within.

    Raises:
        LookupError: there are none: a sink that reaches the network has them.
    """
    bounds = current_if_any()
    if bounds is None:
        raise LookupError("no bounds")
    return bounds


def current_if_any() -> Bounds | None:
    """The same, or None."""
    bounds: Bounds | None = getattr(_current, "bounds", None)
    return bounds
