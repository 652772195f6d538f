"""What the grammar's productions hand to each other: expressions in sight, and queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.support.grammar.schemas import NO_EQUALITY, NUMBERS, TEXTS, VALUES, Chance, Schema, Table


class Col(NamedTuple):
    """An expression in sight.

    Attributes:
        merged: it stands for a group of equal values: only what is the same for all may be made of it.
        computed: it is an aggregate, a window or a subquery: a poor entity, since nothing leads to it.
    """

    sql: str
    type: str
    merged: bool = False
    computed: bool = False


class Query(NamedTuple):
    sql: str
    columns: tuple[Col, ...]


class View(NamedTuple):
    """A view; its name as SQL needs it."""

    name: str
    columns: tuple[Col, ...]
    ddl: str


@dataclass
class Terms(ABC):
    """What every production uses, and the productions by which the grammar's parts refer to each other.

    Attributes:
        depth: how deep subqueries may nest.
        views: those that were written so far.
    """

    chance: Chance
    schema: Schema
    depth: int = 2
    views: list[View] = field(default_factory=list[View])
    _names: int = 0
    _ctes: dict[str, tuple[Col, ...]] = field(default_factory=dict[str, tuple[Col, ...]])
    _tables: dict[str, Table] = field(default_factory=dict[str, Table])

    @abstractmethod
    def _body(self, depth: int, outer: Sequence[Col], types: Sequence[str] = ()) -> Query:
        """A SELECT or a set operation, with outputs o1, o2 …; of given types, if any are given."""

    @abstractmethod
    def _select(
        self, depth: int, outer: Sequence[Col], types: Sequence[str] = (), *, plain: bool = False
    ) -> Query:
        """A SELECT with outputs o1, o2 …; `plain`: without grouping, windows and LIMIT."""

    @abstractmethod
    def _from(self, depth: int, outer: Sequence[Col]) -> tuple[str, list[Col]]:
        """Items of FROM, and the columns that they bring in sight."""

    @abstractmethod
    def _equality(self, some: Sequence[Col], others: Sequence[Col], *, plain: bool = False) -> str | None:
        """A condition that ties one column to another; None if none are comparable."""

    @abstractmethod
    def _tie(self, depth: int, new: Sequence[Col], left: Sequence[Col]) -> str | None:
        """A condition by which an item is joined with those before it; None if nothing is comparable."""

    @abstractmethod
    def _predicate(self, depth: int, cols: Sequence[Col], outer: Sequence[Col]) -> str:
        """Any condition."""

    @abstractmethod
    def _key_expression(self, col: Col) -> Col:
        """An expression over a grouping key."""

    @abstractmethod
    def _membership(self, depth: int, cols: Sequence[Col], outer: Sequence[Col], kind: str) -> str:
        """IN, NOT IN, ANY or ALL of a subquery."""

    @abstractmethod
    def _expression(self, depth: int, cols: Sequence[Col], outer: Sequence[Col]) -> Col:
        """Any value."""

    @abstractmethod
    def _scalar(self, depth: int, outer: Sequence[Col], type_: str) -> str:
        """A subquery that yields an aggregate."""

    @abstractmethod
    def _aggregate(self, cols: Sequence[Col], type_: str) -> Col:
        """An aggregate of a type, which depends on no order that rows happen to have."""

    @abstractmethod
    def _typed(self, type_: str, cols: Sequence[Col]) -> Col:
        """A column of a type, or a constant."""

    @abstractmethod
    def _keys(self, cols: Sequence[Col]) -> list[Col]:
        """Columns to group, partition or sort by."""

    def _rows(self, cols: Sequence[Col]) -> list[str]:
        """The aliases of tables among the columns in sight: each stands for its whole row."""
        aliases = {col.sql.rpartition(".")[0] for col in cols if not col.merged}
        return sorted(aliases & self._tables.keys())

    def _equal_rows(self, some: Sequence[Col], others: Sequence[Col]) -> list[tuple[str, str]]:
        """Whole rows that can be compared: two of one table, all of whose columns have an equality."""
        return [
            (x, y)
            for x in self._rows(some)
            for y in self._rows(others)
            if x != y
            and self._tables[x] is self._tables[y]
            and not any(column.type in NO_EQUALITY for column in self._tables[x].columns)
        ]

    def _literal(self, type_: str) -> str:
        return f"{self.chance.of(VALUES[type_])}::{type_}" if type_ in VALUES else "NULL"

    def _name(self, letter: str) -> str:
        """A name that nothing else has; some must be quoted."""
        self._names += 1
        return f'"{letter.upper()} {self._names}"' if self.chance.percent(6) else f"{letter}_{self._names}"


def comparable(a: str, b: str) -> bool:
    if a in NO_EQUALITY or b in NO_EQUALITY:
        return False
    return a == b or (a in NUMBERS and b in NUMBERS) or (a in TEXTS and b in TEXTS)


def canonical(col: Col) -> str:
    """One text for all values that `=` calls equal, where a group of them may stand behind the column."""
    return _CANONICAL.get(col.type, "{}").format(col.sql) if col.merged else col.sql


def as_text(col: Col, sql: str | None = None) -> str:
    """A column's text, or that of an expression over it; never by a coarse collation."""
    text = f"{sql or col.sql}::text"
    return f'({text} COLLATE "default")' if col.type == "folded" else text


_CANONICAL = {
    "citext": "lower({}::text)",
    "folded": "lower({}::text)",
    "numeric": "trim_scale({})",
    "double precision": "({} + 0)",
    "interval": "extract(epoch FROM {})",
    "jsonb": "({} = '[]'::jsonb)",
}


def qualified(outer: Sequence[Col]) -> list[Col]:
    """Without columns that USING merged: inside a subquery their bare name would mean another."""
    return [col for col in outer if col.sql != "id"]


def listed(columns: Sequence[Col]) -> str:
    return ", ".join(f"{col.sql} AS o{n}" for n, col in enumerate(columns, 1))


def merged(columns: Sequence[Col]) -> tuple[Col, ...]:
    return tuple(col._replace(merged=True) for col in columns)
