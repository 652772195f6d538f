"""Reads tests/fixtures/analysis: a schema, and queries with the route of each table above them.

Its README.md says how they are written. Those of the shop are written as PostgreSQL resolves them, so they
serve without a server, too; those that others published, in folders of their own, need one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cdc_daemon.analysis.model.catalogue import (
    Catalogue,
    Column,
    FeedQuery,
    ForeignKey,
    Output,
    Table,
    TableName,
    View,
)

DIRECTORY = Path(__file__).parents[1] / "fixtures" / "analysis"
_COMPARED_AS = {"shop.size": "enum", "shop.code": "text"}
PUBLISHED = ("tpch", "pagila", "northwind", "wide", "generated")
"""Folders of queries that are written as their authors wrote them, for their own schemas."""


class Expected(NamedTuple):
    """The route of one place where a table is read; `links` is None where the fixture leaves them open."""

    alias: str
    kind: str
    links: tuple[str, ...] | None
    reason: str


class Fixture(NamedTuple):
    """One query.

    Attributes:
        place: its file, without the suffix.
    """

    place: str
    name: str
    entity: tuple[str, ...]
    expected: tuple[Expected, ...]
    query: str

    @property
    def id(self) -> str:
        return f"{self.place}: {self.name}"


def feed_query(query: str, *entity: str) -> FeedQuery:
    """A feed of a query as PostgreSQL resolves it; its entity, `id` if none is named, is its key."""
    keys = entity or ("id",)
    return FeedQuery("feed", query, query, tuple(Output(key, "integer") for key in keys), keys, keys)


def fixtures(folder: str = "") -> list[Fixture]:
    """The queries of one folder, in the order of their files."""
    return [
        fixture
        for path in sorted((DIRECTORY / folder).glob("*.sql"))
        if path.stem not in ("schema", "refused")
        for fixture in _read(path)
    ]


def _read(path: Path) -> Iterator[Fixture]:
    place = str(path.relative_to(DIRECTORY).with_suffix(""))
    for piece in re.split(r"^-- name: ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        name, *rest = piece.strip().split("\n")
        notes = [line[3:].split(": ", 1) for line in rest if re.match(r"-- [\w#$.]+: ", line)]
        query = "\n".join(line for line in rest if not line.startswith("-- "))
        entity = tuple(part.strip() for part in dict(notes)["entity"].split(","))
        expected = tuple(_expected(alias, what) for alias, what in notes if alias != "entity")
        yield Fixture(place, name, entity, expected, query)


def _expected(alias: str, what: str) -> Expected:
    kind, *rest = what.split(" ", 2)
    if not rest:
        return Expected(alias, kind, None, "")
    links = () if rest[0] == "-" else tuple(rest[0].split(","))
    return Expected(alias, kind, links, "".join(rest[1:]))


def differences(fixture: Fixture, occurrences: dict[str, tuple[str, tuple[str, ...], str]]) -> list[str]:
    """Where what was found is not what the fixture says, a line each.

    Args:
        occurrences: by alias, kind, links and reason of each place where a table is read.
    """
    found = dict(occurrences)
    lines: list[str] = []
    for expected in fixture.expected:
        if expected.alias not in found:
            lines.append(f"{expected.alias} is not there, but {', '.join(found)}")
            continue
        kind, links, reason = found.pop(expected.alias)
        wanted = links if expected.links is None else expected.links
        if (kind, links) != (expected.kind, wanted) or expected.reason not in reason:
            lines.append(f"{expected.alias}: {kind} {','.join(links) or '-'} {reason}, expected {expected}")
    return lines + [f"{alias}: {kind} is not expected" for alias, (kind, _, _) in found.items()]


def _catalogue() -> Catalogue:
    tables: dict[TableName, Table] = {}
    text = (DIRECTORY / "schema.sql").read_text("utf-8")
    for number, (name, body) in enumerate(
        re.findall(r"CREATE TABLE shop\.(\w+) \((.*?)\n\);", text, re.DOTALL)
    ):
        table = _table(TableName("shop", name), number, [line.strip(" ,") for line in body.split("\n")[1:]])
        tables[table.name] = table
    views: dict[TableName, View] = {}
    for number, (name, columns_, definition) in enumerate(
        re.findall(r"CREATE VIEW shop\.(\w+) \((.*?)\) AS\n(.*?);", text, re.DOTALL), start=len(tables)
    ):
        view = View(TableName("shop", name), number, definition, tuple(columns_.split(", ")))
        views[view.name] = view
    return Catalogue(tables, views=views)


def _table(name: TableName, number: int, lines: list[str]) -> Table:
    columns: dict[str, Column] = {}
    key: tuple[str, ...] = ()
    unique: list[tuple[str, ...]] = []
    foreign: list[ForeignKey] = []
    for line in lines:
        if line.startswith("PRIMARY KEY"):
            key = tuple(re.findall(r"\w+", line)[2:])
            continue
        if line.startswith("UNIQUE"):
            unique.append(tuple(re.findall(r"\w+", line)[1:]))
            continue
        if line.startswith("FOREIGN KEY"):
            own, table, referenced_ = re.findall(r"\((.*?)\) REFERENCES shop\.(\w+) \((.*?)\)", line + ")")[0]
            foreign.append(
                ForeignKey(tuple(own.split(", ")), TableName("shop", table), tuple(referenced_.split(", ")))
            )
            continue
        spelled, type_ = re.findall(r'^("[^"]+"|\w+) (.*)$', line)[0]
        column = spelled.strip('"')
        type_, _, references = type_.partition(" REFERENCES ")
        if references:
            _, table, *referenced = [part.strip('" ') for part in re.split(r"[.()]", references) if part]
            foreign.append(ForeignKey((column,), TableName("shop", table), tuple(referenced)))
        key = (column,) if type_.endswith(" PRIMARY KEY") else key
        if type_.endswith(" UNIQUE"):
            unique.append((column,))
        type_ = type_.removesuffix(" UNIQUE")
        plain = type_.removesuffix(" PRIMARY KEY").removesuffix(" NOT NULL")
        carried = "text" if plain.endswith("[]") or plain.startswith("shop.") else plain
        compared_as = _COMPARED_AS.get(plain, "")
        columns[column] = Column(column, plain, carried, plain != type_, compared_as=compared_as)
    columns = {
        column: replace(each, not_null=each.not_null or column in key) for column, each in columns.items()
    }
    return Table(name, number, columns, key, (*((key,) if key else ()), *unique), tuple(foreign))


CATALOGUE = _catalogue()
"""What PostgreSQL says of schema.sql, without PostgreSQL (a test compares them)."""
