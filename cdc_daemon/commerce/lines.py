"""Rows as lines of PostgreSQL's COPY text format, gathered by table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

Value = str | int | float | bool | None
Add = Callable[..., None]


class Target(NamedTuple):
    """A table and the columns of it that are filled, in order."""

    table: str
    columns: tuple[str, ...]


class Lines:
    """Gathers the rows of a part of the shop.

    Texts must not hold a tab, a line end or a backslash: they are written as they are, for speed. A line end
    within a value is written as backslash and n.
    """

    def __init__(self) -> None:
        self._lines: dict[Target, list[str]] = {}

    def into(self, table: str, *columns: str) -> Add:
        """A function that adds one row of these columns."""
        lines = self._lines.setdefault(Target(table, columns), [])
        append = lines.append

        def add(*values: Value) -> None:
            append("\t".join(["\\N" if value is None else str(value) for value in values]))

        return add

    def __iter__(self) -> Iterator[tuple[Target, list[str]]]:
        """Each target that has rows, in the order in which they were named first."""
        return ((target, lines) for target, lines in self._lines.items() if lines)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))
