"""Reads tests/fixtures/analysis: a schema, and queries with the route of each table above them.

A query stands below `-- name:`, `-- entity:` and a line `-- alias: kind links [word of the reason]` for each
place where a table is read. It is written as PostgreSQL resolves it, so it serves without a server, too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from cdc_daemon.analysis.catalogue import Catalogue, Column, Table, TableName

DIRECTORY = Path(__file__).parents[2] / "fixtures" / "analysis"


class Fixture(NamedTuple):
    name: str
    entity: tuple[str, ...]
    expected: tuple[tuple[str, str, tuple[str, ...], str], ...]
    query: str


def fixtures() -> list[Fixture]:
    found: list[Fixture] = []
    for path in sorted(DIRECTORY.glob("*.sql")):
        for piece in re.split(r"^-- name: ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
            name, *rest = piece.strip().split("\n")
            notes = [line[3:].split(": ", 1) for line in rest if line.startswith("-- ")]
            query = "\n".join(line for line in rest if not line.startswith("-- "))
            entity = tuple(part.strip() for part in dict(notes)["entity"].split(","))
            expected: list[tuple[str, str, tuple[str, ...], str]] = []
            for alias, what in notes:
                if alias != "entity":
                    kind, links, *reason = what.split(" ", 2)
                    columns = () if links == "-" else tuple(links.split(","))
                    expected.append((alias, kind, columns, "".join(reason)))
            found.append(Fixture(name, entity, tuple(expected), query))
    return found


def _catalogue() -> Catalogue:
    tables: dict[TableName, Table] = {}
    text = (DIRECTORY / "schema.sql").read_text("utf-8")
    for number, (name, body) in enumerate(
        re.findall(r"CREATE TABLE shop\.(\w+) \((.*?)\n\);", text, re.DOTALL)
    ):
        columns: dict[str, Column] = {}
        key: tuple[str, ...] = ()
        for line in body.strip().split("\n"):
            column, type_ = line.strip().rstrip(",").split(" ", 1)
            primary = type_.endswith(" PRIMARY KEY")
            key = (column,) if primary else key
            plain = type_.removesuffix(" PRIMARY KEY").removesuffix(" NOT NULL")
            columns[column] = Column(column, plain, plain, primary or type_.endswith(" NOT NULL"))
        table = Table(TableName("shop", name), number, columns, key, (key,) if key else ())
        tables[table.name] = table
    return Catalogue(tables)


CATALOGUE = _catalogue()
