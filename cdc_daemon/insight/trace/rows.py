"""Follows a source row to the documents that it reaches, and tells what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from cdc_daemon.analysis.model.catalogue import Table
from cdc_daemon.analysis.model.plan import Occurrence, Route, RouteKind
from cdc_daemon.errors import CdcError
from cdc_daemon.feeds import resolve
from cdc_daemon.feeds.hashed_documents import Entity
from cdc_daemon.insight.trace.ask import Answer, answered
from cdc_daemon.insight.trace.documents import failure, numbered
from cdc_daemon.insight.trace.read import Reader, daemons_of, one_snapshot, short_waits
from cdc_daemon.insight.trace.subject import Subject, read_subject
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Connection, collated, type_name
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.planning import FeedPlan

MOST_ROWS, MOST_ENTITIES, MOST_DOCUMENTS = 100, 1000, 10
"""How many rows a question follows, how many entities it counts for each route, and how many documents of a
feed it answers for."""


@dataclass(frozen=True)
class Way:
    """A route from the row to entities of a feed.

    Attributes:
        alias: the occurrence of the table in the query.
        route: `direct`, `join`, `partial` or `all`.
        entities: number of entities that it reaches, at most `MOST_ENTITIES`; None for all entities.
        failed: why it could not be followed.
    """

    alias: str
    route: str
    entities: int | None
    failed: str | None = None


@dataclass(frozen=True)
class Reached:
    """What the row reaches in one feed.

    Attributes:
        unplanned: why nobody can tell.
        answers: what became of the documents, at most `MOST_DOCUMENTS`.
        documents: number of documents that were found, counted up to one more than are answered for.
    """

    feed: str
    unplanned: str | None = None
    ways: Sequence[Way] = ()
    answers: Sequence[Answer] = ()
    documents: int = 0


@dataclass(frozen=True)
class RowAnswer:
    """What a source row reaches.

    Attributes:
        table: `schema.table`.
        rows: number of rows with the values, at most `MOST_ROWS`. With none, the values alone were followed.
    """

    table: str
    rows: int
    feeds: Sequence[Reached]


def ask_row(connection: Connection, settings: Settings, table: str, where: Mapping[str, str]) -> RowAnswer:
    """Return which documents a row of a source table reaches, and what became of each.

    Args:
        connection: session in autocommit mode, outside of a transaction.
        table: `schema.table`, or a table's name alone if only one schema has it.
        where: values of columns, as text.

    Raises:
        CdcError: no feed reads the table, it has no such column, or a value is none of its column's type.
    """
    with short_waits(connection):
        return _of_row(connection, settings, table, where)


def _of_row(connection: Connection, settings: Settings, table: str, where: Mapping[str, str]) -> RowAnswer:
    subjects = [read_subject(connection, settings, feed) for feed in settings.feeds]
    named = _find_table(subjects, table)
    for column in where:
        if column not in named.columns:
            raise CdcError(
                f"has no column {column!r}", where=f"table {named.name}", hint="spell it as in the catalogue"
            )
    with one_snapshot(connection):
        rows, daemons = _count(connection, named, where), daemons_of(connection, settings)
        return RowAnswer(
            str(named.name),
            rows,
            tuple(
                _reached(
                    Reader(connection, subject, settings.feeds[name].sinks, daemons), named, where, rows=rows
                )
                for name, subject in zip(settings.feeds, subjects, strict=True)
                if subject.plan is None or named.name in subject.plan.columns
            ),
        )


def _find_table(subjects: Sequence[Subject], name: str) -> Table:
    tables = {
        table: subject.plan.catalogue.tables[table]
        for subject in subjects
        if subject.plan is not None
        for table in subject.plan.columns
    }
    found = [table for table in tables if name in {str(table), table.name}]
    if not found:
        raise CdcError(
            "no feed reads it",
            where=f"table {name}",
            hint=f"the feeds read {', '.join(sorted(map(str, tables)))}"
            if tables
            else "see `cdc-daemon check`",
        )
    if len(found) > 1:
        raise CdcError(
            "several schemas have a table of this name",
            where=f"table {name}",
            hint=f"name one: {', '.join(sorted(map(str, found)))}",
        )
    return tables[found[0]]


def _count(connection: Connection, table: Table, where: Mapping[str, str]) -> int:
    query = statement(
        "trace.count_rows",
        table=sql.Identifier(*table.name),
        matches=_matches(where),
        limit=sql.Literal(MOST_ROWS),
    )
    try:
        return int(connection.execute(query, numbered("row", list(where.values()))).fetchall()[0][0])
    except psycopg.Error as error:
        if connection.closed:
            raise
        raise CdcError(
            failure(error), where=f"table {table.name}", hint="spell the value as the table has it"
        ) from error


def _matches(where: Mapping[str, str]) -> sql.Composed:
    # psycopg gives a str no type, so the server reads it by the column's.
    return sql.SQL(" AND ").join(
        sql.SQL("{} OPERATOR(pg_catalog.=) {}").format(
            sql.Identifier("t", column), sql.Placeholder(f"row_{n}")
        )
        for n, column in enumerate(where, start=1)
    )


def _delta(
    table: Table, occurrence: Occurrence, where: Mapping[str, str], *, rows: int
) -> sql.Composed | None:
    """Return a SELECT of the rows' links; of a row that is gone, if the values have all of them."""
    links = occurrence.links
    if rows:
        return statement(
            "trace.rows",
            links=sql.SQL(", ").join(sql.Identifier("t", name) for name in links),
            table=sql.Identifier(*table.name),
            matches=_matches(where),
            limit=sql.Literal(MOST_ROWS),
        )
    if not set(links) <= set(where):
        return None
    numbers = {column: n for n, column in enumerate(where, start=1)}
    return statement(
        "trace.given_row",
        links=sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(
                collated(
                    sql.SQL("{}::{}").format(
                        sql.Placeholder(f"row_{numbers[name]}"), type_name(table.columns[name].type)
                    ),
                    table.columns[name].collation,
                ),
                sql.Identifier(name),
            )
            for name in links
        ),
    )


def _reached(reader: Reader, table: Table, where: Mapping[str, str], *, rows: int) -> Reached:
    feed, plan = reader.subject.definition, reader.subject.plan
    if plan is None:
        return Reached(feed.name, reader.subject.unplanned)
    entities: dict[Entity, None] = {}
    ways: list[Way] = []
    for occurrence, route in _routes(plan, table):
        way, found = _follow(reader.connection, plan, table, occurrence, route, where, rows=rows)
        ways.append(way)
        entities |= dict.fromkeys(found)
    keys: dict[tuple[str, ...], None] = {}
    for entity in entities:
        if len(keys) > MOST_DOCUMENTS:
            break
        keys |= dict.fromkeys(reader.keys_of(entity, limit=MOST_DOCUMENTS + 1))
    chosen = list(keys)[:MOST_DOCUMENTS]
    answers = tuple(answered(reader.of_key(key)) for key in chosen)
    return Reached(feed.name, None, tuple(ways), answers, min(len(keys), MOST_DOCUMENTS + 1))


def _routes(plan: FeedPlan, table: Table) -> Iterator[tuple[Occurrence, Route]]:
    for occurrence in plan.analysis.occurrences:
        if occurrence.table == table.name:
            for route in occurrence.routes:
                yield occurrence, route


def _follow(
    connection: Connection,
    plan: FeedPlan,
    table: Table,
    occurrence: Occurrence,
    route: Route,
    where: Mapping[str, str],
    *,
    rows: int,
) -> tuple[Way, Sequence[Entity]]:
    kind = str(route.kind)
    if route.kind is RouteKind.ALL:
        return Way(occurrence.alias, kind, None), ()
    delta = _delta(table, occurrence, where, rows=rows)
    if delta is None:
        needed = ", ".join(occurrence.links)
        return Way(occurrence.alias, kind, 0, f"the row is gone; give its values of {needed}"), ()
    feed = plan.definition
    affected = resolve.affected_entities(feed, [resolve.Path(delta, route)])
    query = resolve.resolve(feed, affected, nullable=(), limit=MOST_ENTITIES)
    try:
        with connection.transaction():
            with names_found_in(connection, affected.search_path):
                done = connection.execute(query, numbered("row", list(where.values())))
            found: list[Entity] = done.fetchall()
    except psycopg.Error as error:
        if connection.closed:
            raise
        return Way(occurrence.alias, kind, 0, failure(error)), ()
    return Way(occurrence.alias, kind, len(found)), found
