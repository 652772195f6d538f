"""What changed between two states of a database, rows and documents, and whether the routes name it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.conditions import text
from cdc_daemon.analysis.model.plan import Analysis, RouteKind
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.cross_check import check_routes, cross_check
from tests.support.grammar.terms import View

Connection = psycopg.Connection[tuple[Any, ...]]


class Followed(NamedTuple):
    """A query whose documents are watched; `entity` are output columns of it."""

    query: str
    entity: tuple[str, ...]
    analysis: Analysis


class Outcome(NamedTuple):
    """One delta, seen by one query.

    Attributes:
        named: how many entities its routes name, of those that were there before or are now.
        changed: how many entities have other documents than before.
        missed: those of them that no route names.
    """

    named: int
    changed: int
    missed: list[str]


def follow(
    connection: Connection, query: str, entity: Sequence[str], search_path: str, analysis: Any = analyse
) -> Followed:
    """Analyse a query as the daemon does; `analysis` stands in for `analyse`."""
    described, catalogue = describe(
        connection, feed="feed", text=query, key=entity, entity=entity, search_path=search_path
    )
    found = cross_check(analysis(described, catalogue), catalogue.dependencies)
    found = check_routes(connection, found, catalogue)
    defects = [each.reason for each in found.occurrences if "defect of cdc-daemon" in (each.reason or "")]
    assert not defects, f"{defects}\n{query}"
    return Followed(query, tuple(entity), found)


def accepted(connection: Connection, query: str) -> bool:
    """Whether PostgreSQL takes the query: the grammar knows its rules of grouping but roughly."""
    try:
        _execute(connection, f"EXPLAIN {query}")
    except psycopg.ProgrammingError:
        return False
    return True


def created(connection: Connection, view: View) -> bool:
    """Whether PostgreSQL takes the view; if it does, it is there."""
    try:
        _execute(connection, view.ddl)
    except psycopg.ProgrammingError:
        return False
    return True


def remember(connection: Connection, followed: Sequence[Followed], *, again: bool = False) -> None:
    """Keep this state of documents, and of the tables that they are made of, to compare a later one with.

    Args:
        again: the same queries were remembered before. Their temporary tables are filled anew, not made anew:
            a prepared statement over them keeps its plan, and planning takes longer than the rest.
    """
    tables = {occurrence.table for each in followed for occurrence in each.analysis.occurrences}
    states = {_old(table): f"TABLE {table.quoted}" for table in tables}
    for number, each in enumerate(followed):
        entity = ", ".join(f"q.{quoted(name)}" for name in each.entity)
        states[f"before_{number}"] = f"SELECT {entity}, q::text AS document FROM ({each.query}) q"
    for name, query in states.items():
        if again:
            _execute(connection, f"DELETE FROM {name}", prepare=True)
            _execute(connection, f"INSERT INTO {name} {query}", prepare=True)
        else:
            _execute(connection, f"DROP TABLE IF EXISTS {name}; CREATE TEMP TABLE {name} AS {query}")


def outcome(
    connection: Connection, number: int, followed: Followed, *, prepare: bool | None = None
) -> Outcome:
    """Compare what was remembered with what is there now.

    Args:
        number: the query's place among those that were remembered.
        prepare: whether the statement is prepared: one that comes again, while nothing is made anew.
    """
    row = _execute(connection, comparison(number, followed), prepare=prepare).fetchone()
    assert row is not None
    return Outcome(*row)


def comparison(number: int, followed: Followed) -> str:
    """Return the statement that compares: its one row is an `Outcome`."""
    entity = [quoted(name) for name in followed.entity]
    columns = ", ".join(entity)
    of_query = ", ".join(f"q.{column}" for column in entity)
    identity = ", ".join(f"{column}::text" for column in entity)
    pieces = [
        f"""changed AS (
            SELECT DISTINCT {columns} FROM (
                SELECT {columns}, sum(w) OVER (PARTITION BY ({identity}), document) AS w
                FROM (SELECT {columns}, document, 1 AS w FROM before_{number}
                      UNION ALL
                      SELECT {of_query}, q::text, -1 FROM ({followed.query}) q) AS states) AS weighed
            WHERE w <> 0 AND {" AND ".join(f"{column} IS NOT NULL" for column in entity)})""",
        f"""entities AS (
            SELECT {columns} FROM before_{number} UNION SELECT {of_query} FROM ({followed.query}) q)""",
    ]
    matches: list[str] = []
    for occurrence in followed.analysis.occurrences:
        links = ", ".join(map(quoted, occurrence.links)) or "1 AS nothing"
        image = f"ROW({', '.join(map(quoted, occurrence.columns))})::text"
        # Capture leaves out a row that no use of its table wants. Here each route does without what *its* use
        # of the table does not want, old or new: fewer rows can't be captured.
        wanted = "" if occurrence.row_filter is None else f"WHERE {text(occurrence.row_filter)}"
        delta = f"""SELECT * FROM (SELECT {links}, sum(w) OVER (PARTITION BY image) AS w$ FROM (
            SELECT *, {image} AS image, 1 AS w FROM {_old(occurrence.table)} {wanted}
            UNION ALL SELECT *, {image}, -1 FROM {occurrence.table.quoted} {wanted}) AS states) AS weighed
            WHERE w$ <> 0"""
        for beside in occurrence.join_filters:
            old, new = _old(beside.table), beside.table.quoted
            moved = f"""EXISTS (SELECT FROM (SELECT o::text AS row FROM {old} o) o
                FULL JOIN (SELECT n::text AS row FROM {new} n) n USING (row)
                WHERE o.row IS NULL OR n.row IS NULL)"""
            delta = f"SELECT * FROM ({delta}) AS delta WHERE {moved} OR {beside.sql}"
        for route in occurrence.routes:
            place = len(pieces)
            if route.kind == RouteKind.ALL:
                matches.append(f"EXISTS ({delta})")
                continue
            pieces.append(f"r{place} AS (WITH delta AS ({delta}) {route.sql})")
            same = " AND ".join(f"r.{column} = changed.{column}" for column in map(quoted, route.bound))
            matches.append(f"EXISTS (SELECT FROM r{place} AS r WHERE {same})")
    reached = " OR ".join(matches) or "false"
    return f"""WITH {", ".join(pieces)}
        SELECT (SELECT count(*) FROM entities AS changed WHERE {reached}),
               (SELECT count(*) FROM changed),
               ARRAY(SELECT changed::text FROM changed WHERE NOT ({reached}))"""


def quoted(name: str) -> str:
    """A name as it can stand in any statement."""
    return sql.Identifier(name).as_string()


def _old(table: TableName) -> str:
    return quoted(f"old {table}")


def _execute(
    connection: Connection, text: str, *, prepare: bool | None = None
) -> psycopg.Cursor[tuple[Any, ...]]:
    return connection.execute(sql.SQL(text), prepare=prepare)  # pyright: ignore[reportArgumentType] # a test's own statement
