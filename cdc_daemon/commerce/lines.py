"""Collects rows as lines of PostgreSQL's COPY text format, by table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

Value = str | int | float | bool | None
Add = Callable[..., None]


class Target(NamedTuple):
    """A table and its filled columns, in order."""

    table: str
    columns: tuple[str, ...]


class Lines:
    """Collects the rows of a part of the shop.

    For speed, texts are written without escapes, so they must not hold a tab, a line end or a backslash.
    Write a line end within a value as backslash and n.
    """

    def __init__(self) -> None:
        self._lines: dict[Target, list[str]] = {}

    def into(self, table: str, *columns: str) -> Add:
        """Return a function that adds one row with these columns."""
        lines = self._lines.setdefault(Target(table, columns), [])
        append = lines.append

        def add(*values: Value) -> None:
            append("\t".join(["\\N" if value is None else str(value) for value in values]))

        return add

    def __iter__(self) -> Iterator[tuple[Target, list[str]]]:
        """Yield each target with its rows, in the order of their first `into`."""
        return ((target, lines) for target, lines in self._lines.items() if lines)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))
