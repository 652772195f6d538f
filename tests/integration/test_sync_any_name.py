"""Columns may have every name that the statements of sql/ use themselves."""

from __future__ import annotations

import re
from pathlib import Path

from cdc_daemon.feeds.definition import RESERVED
from cdc_daemon.pg.statements import sql_directory
from tests.support.command import Feed
from tests.support.synced import Synced

DERIVED = {
    "delta",
    "affected",
    "further",
    "kept",
    "subquery",
    "$outer",
    "x$again",
    "cdc_link_1",
    "cdc_more_1",
}
"""Names that the program itself makes."""


def names_used() -> set[str]:
    """Every alias, CTE and column name in the files under sql/."""
    found = set(DERIVED)
    for path in sorted(sql_directory().rglob("*.sql")):
        text = re.sub(r"--.*|'[^']*'", "", path.read_text("utf-8"))
        found.update(re.findall(r"\bAS ([a-z_][a-z0-9_]*)\b", text))
        found.update(re.findall(r"\b([a-z_][a-z0-9_]*) AS (?:MATERIALIZED )?\(", text))
        found.update(re.findall(r"\bcdc_[a-z_0-9]+", text))
        for columns in re.findall(r"\bAS [a-z_]+ \(([^(){}]*)\)", text):
            found.update(each.split()[0] for each in columns.split(",") if each.split())
    return found


def test_link_and_key_columns_may_have_every_name_that_statements_use(database: str, tmp_path: Path) -> None:
    schema, changes = "", ""
    feeds: dict[str, Feed] = {}
    every = sorted(names_used())
    for number, first in enumerate(range(0, len(every), 28)):
        names = every[first : first + 28]
        columns = [f'"{name}"' for name in names]
        defined = ", ".join(f"{column} int" for column in columns)
        key = tuple(name for name in names if name not in RESERVED)
        same = " AND ".join(f"c.{column} = p.{column}" for column in columns)
        schema += f"""
            CREATE TABLE p{number} ({defined}, shown int, PRIMARY KEY ({", ".join(columns)}));
            CREATE TABLE c{number} ({defined}, shown int);"""
        for row in (1, 2):
            values = ", ".join([str(row)] * (len(names) + 1))
            schema += f"INSERT INTO p{number} VALUES ({values}); INSERT INTO c{number} VALUES ({values});"
        feeds[f"f{number}"] = Feed(
            f"SELECT p.*, (SELECT sum(c.shown) FROM c{number} c WHERE {same}) AS total_shown "
            f"FROM p{number} p",
            key=key,
        )
        changes += f"UPDATE c{number} SET shown = 5; DELETE FROM p{number} WHERE shown = 2;"
    synced = Synced(tmp_path, database, schema=schema, feeds=feeds)
    synced.sync()
    synced.sync(changes)
    synced.assert_equal_to_the_query()
