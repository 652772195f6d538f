"""Makes rows for any schema, from its catalogue and from the constants of the queries over it.

A query over random values returns nothing, because its conditions on constants fail. So for each query, every
table gets a row with the query's constants, and these rows refer to each other (with many queries, a row has
constants of several). Other rows have few different values, so that joins find matches.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, LiteralString, NamedTuple, TypeAlias
from zlib import crc32

import psycopg
from psycopg import sql

from bench.queries import query
from tests.support.delta import Connection

MATCHED = 24
"""Number of rows of each table with constants of queries. They come before the other rows."""
ROWS = 40
_MEETING = 6
"""Number of rows whose numbers are values of other columns.

With many queries, each query has one of these.
"""
_TRIES = 20
_NULLS = 0.1
Row: TypeAlias = dict[str, str | None]
Place: TypeAlias = tuple[str, str]
"""Place of a row: its tableoid and ctid."""
Constants: TypeAlias = Mapping[str, Sequence[str]]
"""Values that fulfil a query's conditions, by column."""


class Column(NamedTuple):
    """A column. `values` are its enum labels or those that a CHECK lists, else a few values of its type."""

    name: str
    type: str
    not_null: bool
    values: tuple[str, ...]


class Reference(NamedTuple):
    """A foreign key."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]


@dataclass
class Table:
    """A table with its generated rows, and their places in the same order."""

    name: str
    columns: dict[str, Column] = field(default_factory=dict[str, Column])
    unique: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    references: list[Reference] = field(default_factory=list[Reference])
    rows: list[Row] = field(default_factory=list[Row])
    places: list[Place] = field(default_factory=list[Place])

    @property
    def keys(self) -> set[str]:
        """Return the columns of its keys and foreign keys."""
        return {name for key in (*self.unique, *(r.columns for r in self.references)) for name in key}


class Sample:
    """The tables of one schema, filled.

    Args:
        connection: session in a database whose `schema` has empty tables.
        queries: the queries that must find rows, by name.
    """

    def __init__(self, connection: Connection, schema: str, queries: Mapping[str, str]) -> None:
        self._connection = connection
        self.schema = schema
        self._queries = list(queries)
        found = [constants(text) for text in queries.values()]
        self.tables = self._read()
        for table in self.tables.values():
            for column in table.columns.values():
                values = [each for own in found for each in own.get(column.name, ())]
                taken = tuple(dict.fromkeys((*self._accepted(column, values), *column.values)))
                table.columns[column.name] = column._replace(values=taken)
        self._constants = [_constants_of(found, number) for number in range(MATCHED)]
        self._fill()

    def matched(self, table: Table, feed: str) -> int:
        """Return the number of a row with the constants of a query."""
        many = len(self._queries) > MATCHED
        own = (
            crc32(feed.encode()) % _MEETING
            if many
            else -(-self._queries.index(feed) * MATCHED // len(self._queries))
        )
        return min(own, len(table.rows) - 1)

    def other(self, table: Table, feed: str) -> int:
        """Return the number of a row that may lack these constants."""
        return min(MATCHED + crc32(feed.encode()) % (ROWS - MATCHED), len(table.rows) - 1)

    def fresh(self, table: Table, feed: str) -> list[Row]:
        """Return two new rows with new keys. One has the constants of a query."""
        own = self.matched(table, feed)
        keyed = self._row(table, ROWS + 50, {})
        matched = self._row(table, own, self._constants[min(own, MATCHED - 1)])
        alone = {name for key in table.unique for name in key} - {
            name for reference in table.references for name in reference.columns
        }
        return [matched | {name: keyed[name] for name in alone}, self._row(table, ROWS + 51, {})]

    def another(self, table: Table, column: str, number: int) -> Row:
        """Return another value for a column of a row; for a column of a foreign key, for all its columns."""
        row = table.rows[number]
        for reference in table.references:
            if column in reference.columns:
                rows = self.tables[reference.table].rows
                if reference.table == table.name:
                    rows = rows[:number]  # a tree must stay a tree: a query may follow a cycle for ever
                parents = [_referred(reference, each) for each in rows]
                others = [each for each in parents if any(row[name] != each[name] for name in each)]
                return _chance(table, column, number).choice(others) if others else {}
        if any(column in key for key in table.unique):
            return {column: _numbered(table.columns[column], ROWS + 60)}
        values = [each for each in table.columns[column].values if each != row[column]]
        return {column: _chance(table, column, number).choice(values)} if values else {}

    def insert(self, table: Table, row: Row) -> Place:
        """Insert a row.

        Raises:
            psycopg.IntegrityError: a constraint forbids it.
        """
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING tableoid::text, ctid::text").format(
            self.identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        )
        found = self._connection.execute(statement, list(row.values())).fetchone()
        assert found is not None
        return str(found[0]), str(found[1])

    def identifier(self, table: Table) -> sql.Identifier:
        """Return the quoted name of a table with its schema."""
        return sql.Identifier(self.schema, table.name)

    def _read(self) -> dict[str, Table]:
        tables: dict[str, Table] = {}
        of = {"schema": self.schema}
        for name, column, type_, not_null, labels, checked in self._rows_of("sample_columns", of):
            values = tuple(labels) or tuple(checked) or domain(type_)
            tables.setdefault(name, Table(name)).columns[column] = Column(column, type_, not_null, values)
        for name, columns, refers_to, referred in self._rows_of("sample_keys", of):
            if refers_to is None:
                tables[name].unique.append(tuple(columns))
            else:
                tables[name].references.append(Reference(tuple(columns), refers_to, tuple(referred)))
        for table in tables.values():
            if "parent_id" in table.columns and not any("parent_id" in r.columns for r in table.references):
                table.references.append(Reference(("parent_id",), table.name, ("id",)))
        return tables

    def _rows_of(self, name: LiteralString, of: Mapping[str, str]) -> list[tuple[Any, ...]]:
        return self._connection.execute(query(name), of).fetchall()

    def _accepted(self, column: Column, values: Sequence[str]) -> list[str]:
        """Return the constants that the column's type accepts: others are of a column of another table."""
        cast = sql.SQL("SELECT %s::{}").format(sql.SQL(column.type))  # pyright: ignore[reportArgumentType]
        found: list[str] = []
        for each in dict.fromkeys(values):
            try:
                self._connection.execute(cast, [each])
            except (psycopg.DataError, psycopg.IntegrityError):
                continue
            found.append(each)
        return found

    def _fill(self) -> None:
        # Foreign keys may form a cycle, so they hold only when all rows exist.
        self._connection.execute("SET session_replication_role = replica")
        for table in self._in_order():
            for number in range(ROWS):
                matched = (
                    self._constants[number * len(self._constants) // MATCHED] if number < MATCHED else {}
                )
                for again in range(_TRIES):
                    row = self._row(table, number, matched, again)
                    if any(_same(row, each, key) for key in table.unique for each in table.rows):
                        continue
                    try:
                        place = self.insert(table, row)
                    except psycopg.errors.CheckViolation:
                        continue
                    table.rows.append(row)
                    table.places.append(place)
                    break
        self._connection.execute("SET session_replication_role = origin; ANALYZE")

    def _in_order(self) -> list[Table]:
        """Return parents before children, as far as there is no cycle."""
        waiting, found = list(self.tables.values()), list[Table]()
        while waiting:
            ready = [
                each
                for each in waiting
                if all(r.table == each.name or self.tables[r.table] in found for r in each.references)
            ]
            found += ready or waiting[:1]
            waiting = [each for each in waiting if each not in found]
        return found

    def _row(self, table: Table, number: int, matched: Constants, again: int = 0) -> Row:
        row: Row = {}
        for reference in table.references:
            parents = self.tables[reference.table].rows
            if reference.table == table.name:
                above = parents[(number - 1) // 2] if 0 < number <= len(parents) else None
                row |= _referred(reference, above) if above else dict.fromkeys(reference.columns)
                continue
            if number < MATCHED:
                parent = parents[number] if number < len(parents) else None
            else:
                chance = _chance(table, *reference.columns, number, again)
                parent = chance.choice(parents[: MATCHED // 2]) if parents else None
            if parent is None:  # a cycle, or the row itself: the key of its number
                key = self.tables[reference.table].columns
                parent = dict[str, str | None](
                    (name, _numbered(key[name], number)) for name in reference.referred
                )
            row |= {k: v for k, v in _referred(reference, parent).items() if k not in row}
        for name, column in table.columns.items():
            if name in row:
                continue
            chance = _chance(table, name, number, again)
            wanted = [each for each in matched.get(name, ()) if each in column.values]
            if any(name in key for key in table.unique):
                row[name] = wanted[0] if wanted and number < MATCHED else _numbered(column, number)
            elif wanted:
                row[name] = wanted[0]
            elif not column.not_null and chance.random() < _NULLS:
                row[name] = None
            else:
                row[name] = chance.choice(column.values)
        return {name: row[name] for name in table.columns}


def _chance(table: Table, *of: str | int) -> random.Random:
    """Return a generator for one choice.

    Each choice has its own, so that a new query changes no other rows.
    """
    return random.Random(f"{table.name} {of}")  # noqa: S311


def _referred(reference: Reference, parent: Row) -> Row:
    """Return the values of a foreign key's columns for a row of the parent."""
    return dict(zip(reference.columns, (parent[name] for name in reference.referred), strict=True))


def _constants_of(found: Sequence[Constants], number: int) -> Constants:
    """Return the constants of a row: of one query, or with many queries one value of each column in turn."""
    if len(found) <= MATCHED:
        return found[number * len(found) // MATCHED]
    values: dict[str, list[str]] = {}
    for own in found:
        for column, each in own.items():
            values.setdefault(column, []).extend(each)
    return {column: [each[number % len(each)]] for column, each in values.items()}


def _same(row: Row, other: Row, key: Sequence[str]) -> bool:
    return all(row[name] is not None and row[name] == other[name] for name in key)


def _numbered(column: Column, number: int) -> str:
    """Return value `number` of a key."""
    base = column.type.partition("(")[0]
    if base in ("integer", "bigint", "smallint", "numeric"):
        return str(number + 1)
    if base == "uuid":
        return f"00000000-0000-0000-0000-{number + 1:012}"
    if base == "date":
        return str(date(2020, 1, 1) + timedelta(days=number))
    if base in _TEXTS:
        return chr(ord("a") + number // 26) + chr(ord("a") + number % 26)
    return column.values[number % len(column.values)]  # other columns of the key make it unique


def domain(type_: str) -> tuple[str, ...]:
    """Return a few values of a type, as PostgreSQL reads them.

    Raises:
        LookupError: this module has no values for the type yet.
    """
    if type_.endswith("[]"):
        one, two, *_ = domain(type_.removesuffix("[]"))
        return (f"{{{one},{two}}}", f"{{{two}}}", "{}")
    base, _, modifier = type_.partition("(")
    if base in _TEXTS:
        length = int(modifier.rstrip(")")) if modifier else 9
        return tuple(each[:length] for each in ("a", "b", "c", "d"))
    if base not in _DOMAINS:
        raise LookupError(f"no sample values for the type {type_}: add some to _DOMAINS")
    return _DOMAINS[base]


_TEXTS = ("text", "character varying", "character", "bpchar")
_DOMAINS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("integer", "bigint", "smallint"), ("1", "2", "3", "4", "5", "6")),
    **dict.fromkeys(("numeric", "real", "double precision"), ("0.05", "1.00", "2.50", "20.00")),
    "boolean": ("true", "false"),
    "date": ("1994-03-01", "1995-06-17", "1997-01-10", "2022-05-01"),
    "timestamp with time zone": ("2022-01-15 12:00Z", "2022-02-15 09:34Z", "2022-01-20 08:00Z"),
    "timestamp without time zone": ("2022-01-15 12:00", "2022-02-15 09:34", "2022-01-20 08:00"),
    "uuid": tuple(f"00000000-0000-0000-0000-{n:012}" for n in range(1, 5)),
    "bytea": ("\\x00", "\\x01", "\\x02ff"),
    "json": ('{"a": 1}', "[1]"),
    "jsonb": ('{"a": 1}', "[1]"),
    "tsvector": ("a b", "c d"),
}


def constants(text: str) -> Constants:
    """Return the constants that a query compares columns with, changed so that the comparison holds."""
    found: dict[str, list[str]] = {}
    for column, operator, literals in _COMPARED.findall(text):
        for literal in _LITERAL.findall(literals):
            value = _moved(literal.strip("'"), operator.upper())
            found.setdefault(column, []).append(value)
    return found


_LITERAL = re.compile(r"'[^']*'|\d+(?:\.\d+)?")
_COMPARED = re.compile(
    r"\b([A-Za-z_]\w*)\"?\)*(?:::[a-z ]+)?\s+(=|<>|<=|>=|<|>|(?:not\s+)?like|in|between)\s+"
    r"(?:any\s*)?\(*(?:array\[)?"
    r"((?:(?:date\s*)?(?:'[^']*'|\d+(?:\.\d+)?)(?:::[a-z ]+)?\s*(?:,\s*|and\s+(?=[\d']))?)+)",
    re.IGNORECASE,
)


def _moved(value: str, operator: str) -> str:
    if "LIKE" in operator:
        return value.replace("%", "x" if value.startswith("%") else "").replace("_", "x")
    if operator not in ("<", ">", "<>"):
        return value
    step = -1 if operator == "<" else 1
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return str(date.fromisoformat(value) + timedelta(days=7 * step))
    if re.fullmatch(r"\d+", value):
        return str(int(value) + step)
    return value
