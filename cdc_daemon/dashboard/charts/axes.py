"""Axes with ticks where people expect them: 1, 2, 5 of a power of ten; whole minutes, hours and days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

STEPS_SECONDS = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
DURATIONS_SECONDS = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0)
"""Ticks of an axis of durations: a lag may be a millisecond or an hour."""


@dataclass(frozen=True)
class Axis:
    """An axis of values.

    Attributes:
        ticks: the values at which it has a line, the least first.
        logarithmic: whether equal distances are equal factors.
    """

    ticks: Sequence[float]
    logarithmic: bool = False

    def fraction(self, value: float) -> float:
        """Return where a value stands: 0.0 at the least tick, 1.0 at the greatest."""
        least, greatest = self.ticks[0], self.ticks[-1]
        value = min(max(value, least), greatest)
        if self.logarithmic:
            return math.log(value / least) / math.log(greatest / least)
        return (value - least) / (greatest - least)


def amounts(greatest: float) -> Axis:
    """Return an axis from zero to at least this value, with three to six ticks."""
    if greatest <= 0:
        return Axis((0.0, 1.0))
    power = 10.0 ** math.floor(math.log10(greatest))
    step = next(
        factor * power for factor in (0.2, 0.5, 1.0, 2.0, 5.0) if greatest / (factor * power) <= 5.0000001
    )
    count = math.ceil(greatest / step - 1e-9)
    return Axis(tuple(round(step * n, 10) for n in range(count + 1)))


def durations(values: Sequence[float]) -> Axis:
    """Return a logarithmic axis for durations in seconds."""
    least, greatest = min(values, default=0.01), max(values, default=1.0)
    first = max((n for n, each in enumerate(DURATIONS_SECONDS) if each <= least), default=0)
    last = min(
        (n for n, each in enumerate(DURATIONS_SECONDS) if each >= greatest),
        default=len(DURATIONS_SECONDS) - 1,
    )
    last = max(last, first + 1) if first + 1 < len(DURATIONS_SECONDS) else last
    first = min(first, last - 1)
    return Axis(DURATIONS_SECONDS[first : last + 1], logarithmic=True)


def moments(start: datetime, end: datetime, *, most: int = 8) -> list[tuple[datetime, str]]:
    """Return ticks of a time axis with their words, in UTC; midnight is named by its date.

    Args:
        most: largest number of ticks.
    """
    length = (end - start).total_seconds()
    step = next((each for each in STEPS_SECONDS if length / each <= most), STEPS_SECONDS[-1])
    first = math.ceil(start.timestamp() / step) * step
    found: list[tuple[datetime, str]] = []
    moment = datetime.fromtimestamp(first, UTC)
    while moment <= end:
        is_midnight = moment.hour == moment.minute == 0
        found.append((moment, f"{moment:%b} {moment.day}" if is_midnight else f"{moment:%H:%M}"))
        moment += timedelta(seconds=step)
    return found
