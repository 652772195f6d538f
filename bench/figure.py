"""Figures, with the aims that they are compared with."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Aim:
    """A limit that a figure should meet."""

    limit: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"

    def is_met(self, value: float) -> bool:
        """Whether the value meets the limit."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        name: the measured quantity; for a ratio with its numerator and denominator.
        value: the median, or the single value.
        low, high: the least and the greatest measured value; both None for a single value.
        unit: empty for a ratio.
        aim: None if there is no aim.
        made_of: scale, rounds, and the absolute values of a ratio.
    """

    name: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    aim: Aim | None = None
    made_of: str = ""

    @property
    def verdict(self) -> str:
        """Whether the figure meets its aim, in words; empty without an aim."""
        if self.aim is None:
            return ""
        return "meets it" if self.aim.is_met(self.value) else "misses the aim"

    @property
    def shown(self) -> str:
        """The value with its spread and unit, as the table shows it."""
        spread = "" if self.low is None or self.high is None else f" ({_short(self.low)}–{_short(self.high)})"
        return f"{_short(self.value)}{spread} {self.unit}".rstrip()


@dataclass(frozen=True)
class Pairs:
    """Measurements of two things, taken in turn.

    Drift during a run (a warmer cache, a larger table, another tenant of the machine) then affects both. Each
    pair gives a ratio, and the figure is the median over the pairs.

    Attributes:
        below, above: denominators and numerators of the ratios, pair by pair.
    """

    below: Sequence[float]
    above: Sequence[float]

    @classmethod
    def taken(cls, rounds: int, below: Callable[[], float], above: Callable[[], float]) -> Pairs:
        """Measure both `rounds` times. Each goes first in every other round."""
        values: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds):
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                values[which].append((below, above)[which]())
        return cls(*values)

    def ratio(self, name: str, *, aim: Aim | None, unit: str, scale: str) -> Figure:
        """Return the figure `above ÷ below`.

        Args:
            unit: unit of the single values, for `made_of`.
        """
        ratios = [above / below for below, above in zip(self.below, self.above, strict=True)]
        below, above = statistics.median(self.below), statistics.median(self.above)
        return Figure(
            name,
            statistics.median(ratios),
            low=min(ratios),
            high=max(ratios),
            aim=aim,
            made_of=f"{scale}; {_pairs(len(ratios))}, medians {_short(above)} ÷ {_short(below)} {unit}",
        )

    def difference(self, name: str, *, aim: Aim | None, unit: str, scale: str) -> Figure:
        """Return the figure `above - below`, in the same unit."""
        differences = [above - below for below, above in zip(self.below, self.above, strict=True)]
        below, above = statistics.median(self.below), statistics.median(self.above)
        return Figure(
            name,
            statistics.median(differences),
            unit,
            min(differences),
            max(differences),
            aim,
            f"{scale}; {_pairs(len(differences))}, medians {_short(above)} − {_short(below)} {unit}",
        )


def spread(name: str, values: Sequence[float], *, unit: str, aim: Aim | None = None, made_of: str) -> Figure:
    """Return the median of `values` with the least and the greatest."""
    return Figure(name, statistics.median(values), unit, min(values), max(values), aim, made_of)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the percentile (nearest rank): the least value that `percent` % of all values do not exceed."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1]


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _short(value: float) -> str:
    """Return three significant digits; a whole number from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
