"""Tables, aliases, columns and feeds may have every name that our own statements use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cdc_daemon
from cdc_daemon.feeds.definition import RESERVED
from cdc_daemon.pg.statements import sql_directory
from cdc_daemon.settings.loading import FEED_NAME
from tests.support.command import Feed
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

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
    """Every alias, CTE and column name in the files under sql/, and in the SQL that the program writes."""
    return {*DERIVED, *names_in(sql_directory()), *names_written()}


def names_in(directory: Path) -> Iterator[str]:
    """Every alias, CTE and column name in the statements of a directory."""
    for path in sorted(directory.rglob("*.sql")):
        text = re.sub(r"--.*|'[^']*'", "", path.read_text("utf-8"))
        yield from re.findall(r"\bAS ([a-z_][a-z0-9_]*)\b", text)
        yield from re.findall(r"\b([a-z_][a-z0-9_]*) AS (?:MATERIALIZED )?\(", text)
        yield from re.findall(r"\bcdc_[a-z_0-9]+", text)
        for columns in re.findall(r"\bAS [a-z_]+ \(([^(){}]*)\)", text):
            yield from (each.split()[0] for each in columns.split(",") if each.split())


def names_written() -> Iterator[str]:
    """The names in the program's source: after AS in a text, and those that become identifiers."""
    for path in sorted(Path(cdc_daemon.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from re.findall(r"\bAS \"?([a-z_$][a-z0-9_$]*)\b", node.value)
            elif isinstance(node, ast.Call) and _called(node) in ("Identifier", "column", "to_identifier"):
                constants = (each.value for each in node.args if isinstance(each, ast.Constant))
                yield from (each for each in constants if isinstance(each, str) and each)


def _called(node: ast.Call) -> str:
    """The name of the function that a call names."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


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


def test_relations_aliases_outputs_and_feeds_may_have_every_name_that_statements_use(
    database: str, tmp_path: Path
) -> None:
    """Each name is a relation, a CTE, an alias and an output column of a feed that has such a name, too.

    A name in the statements that make triggers is a table with a link column of that name. The others are
    views of one table, because no trigger knows them.
    """
    feeds: dict[str, Feed] = {}
    every, captured = sorted(names_used()), {"delta", *names_in(sql_directory() / "objects")}
    schema = """
        CREATE TABLE base_ (nr int PRIMARY KEY, parent_ int NOT NULL, shown_ int);
        INSERT INTO base_ VALUES (1, 1, 1), (2, 1, 1), (3, 2, 1);"""
    changes = ["UPDATE base_ SET shown_ = 4 WHERE nr = 1; DELETE FROM base_ WHERE nr = 3;"]
    for first in range(0, len(every), 60):
        names = every[first : first + 60]
        ctes, shown = ", ".join(map(_read, names)), ", ".join(map(_shown, names))
        feeds[next(name for name in names if FEED_NAME.fullmatch(name))] = Feed(
            f"WITH {ctes} SELECT base_.nr, {shown} FROM base_", key=("nr",)
        )
        for name in names:
            if name in captured:
                schema += f"""
                    CREATE TABLE "{name}" (nr int PRIMARY KEY, "{name}" int NOT NULL, shown_ int);
                    INSERT INTO "{name}" TABLE base_;"""
                changes.append(
                    f'UPDATE "{name}" SET shown_ = 5 WHERE nr = 2; DELETE FROM "{name}" WHERE nr = 3;'
                )
            else:
                schema += f'CREATE VIEW "{name}" AS SELECT nr, parent_ AS "{name}", shown_ FROM base_;'
    synced = Synced(tmp_path, database, schema=schema, feeds=feeds)
    synced.sync()
    synced.sync(*changes)
    synced.assert_equal_to_the_query()


def _read(name: str) -> str:
    """A CTE that has the name of the relation that it reads, of the alias and of a column."""
    return f'"{name}" AS (SELECT "{name}"."{name}", "{name}".shown_ FROM public."{name}" AS "{name}")'


def _shown(name: str) -> str:
    return f'(SELECT sum("{name}".shown_) FROM "{name}" WHERE "{name}"."{name}" = base_.nr) AS "{name}"'
