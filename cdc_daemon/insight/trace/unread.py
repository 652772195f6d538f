"""Finds the changes that a feed has not read and that reach one document, by the feed's own routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.plan import Occurrence, Route, RouteKind
from cdc_daemon.capture.catalogue import Captured, read_installed, read_source
from cdc_daemon.capture.delta import delta, summary
from cdc_daemon.capture.names import CaptureNames
from cdc_daemon.capture.source import Source
from cdc_daemon.feeds import resolve
from cdc_daemon.feeds.comparison import equals
from cdc_daemon.feeds.text_form import collated_columns
from cdc_daemon.insight.trace.documents import failure, numbered
from cdc_daemon.insight.trace.facts import Waiting
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.affected_entities import FEW_ROWS
from cdc_daemon.workers.planning import FeedPlan

MOST_ENTRIES = 10_000
"""How many unread entries of one changelog are looked at: nobody empties it while no daemon runs."""

_UNION = sql.SQL("\nUNION ALL\n")


@dataclass(frozen=True)
class Unread:
    """The unread changes that reach a document.

    Attributes:
        failed: why some are not known.
    """

    waiting: Sequence[Waiting] = ()
    failed: str | None = None


@dataclass(frozen=True)
class _Entries:
    rows: int
    unknown: bool
    since: datetime


def read_unread(connection: Connection, plan: FeedPlan, cursor: str, entity: Sequence[str] | None) -> Unread:
    """Follow the routes from the unread entries to one entity.

    Args:
        connection: in the transaction of the question.
        cursor: the feed's cursor (a pg_snapshot).
        entity: values of the entity columns; None if nobody knows them.
    """
    sources = _sources_with_entries(connection, plan, cursor)
    if not sources:
        return Unread()
    reads = [(source, plan.links.get(table, ())) for table, source in sources.items()]
    rows = connection.execute(summary(reads, most_entries=MOST_ENTRIES), {"since": cursor}).fetchall()
    found = {table: _Entries(rows, unknown, since) for table, _, rows, unknown, since in rows}
    whole: list[Waiting] = []
    legs: list[tuple[Occurrence, Route]] = []
    for occurrence in plan.analysis.occurrences:
        entries = found.get(str(occurrence.table))
        for route in occurrence.routes if entries else ():
            if entries and (entries.unknown or route.kind is RouteKind.ALL):
                whole.append(_waiting(occurrence, route, None, entries))
            elif entity is not None:
                legs.append((occurrence, route))
    if not legs:
        return Unread(tuple(whole))
    try:
        counts = _count(connection, plan, sources, found, legs, cursor, entity or ())
    except psycopg.Error as error:
        if connection.closed:
            raise
        return Unread(tuple(whole), failure(error))
    reached = [
        _waiting(*legs[number], count, found[str(legs[number][0].table)]) for number, count in counts if count
    ]
    return Unread((*reached, *whole))


def _waiting(occurrence: Occurrence, route: Route, rows: int | None, entries: _Entries) -> Waiting:
    kind = RouteKind.ALL if rows is None else route.kind
    return Waiting(str(occurrence.table), occurrence.alias, str(kind), rows, entries.since)


def _sources_with_entries(connection: Connection, plan: FeedPlan, cursor: str) -> dict[TableName, Source]:
    feed = plan.definition.name
    tables: list[tuple[TableName, str]] = [
        (TableName(schema, name), changelog)
        for schema, name, changelog, _ in connection.execute(statement("trace.sources"), {"feed": feed})
        if TableName(schema, name) in plan.columns
    ]
    if not tables:
        return {}
    query = _UNION.join(
        statement(
            "trace.has_unread",
            number=sql.Literal(number),
            unread=statement("changelog.unread", changelog=sql.Identifier(changelog)),
        )
        for number, (_, changelog) in enumerate(tables)
    )
    numbers: list[int] = [number for (number,) in connection.execute(query, {"since": cursor})]
    if not numbers:
        return {}
    installed = read_installed(connection).sources
    return {
        tables[number][0]: _as_captured(connection, plan, tables[number][0], installed) for number in numbers
    }


def _as_captured(
    connection: Connection, plan: FeedPlan, table: TableName, installed: Mapping[TableName, Captured]
) -> Source:
    captured, described = installed[table], plan.catalogue.tables[table]
    return read_source(
        connection,
        described,
        names=CaptureNames(captured.changelog, captured.function),
        links=[name for name in captured.links if name in described.columns],
        columns=(),
    )


def _count(
    connection: Connection,
    plan: FeedPlan,
    sources: Mapping[TableName, Source],
    found: Mapping[str, _Entries],
    legs: Sequence[tuple[Occurrence, Route]],
    cursor: str,
    entity: Sequence[str],
) -> list[tuple[int, int]]:
    """Return the number of each leg with the number of changed rows that reach the entity by it."""
    feed = plan.definition
    few = sum(entries.rows for entries in found.values()) <= FEW_ROWS
    query = _UNION.join(
        statement(
            "trace.reached",
            number=sql.Literal(number),
            routed=statement(
                "feed.route",
                delta=resolve.narrowed(
                    delta(sources[occurrence.table], occurrence.links, few=few, most_entries=MOST_ENTRIES),
                    [each for each in occurrence.join_filters if str(each.table) not in found],
                ),
                route=sql.SQL(route.sql.replace("%", "%%")),  # pyright: ignore[reportArgumentType] # rendered by the analysis
                entities=collated_columns(feed, route.bound, of="r"),
            ),
            same_entity=sql.SQL(" AND ").join(
                equals(feed, name, "r", f"entity_{feed.entity.index(name) + 1}") for name in route.bound
            ),
        )
        for number, (occurrence, route) in enumerate(legs)
    )
    with connection.transaction():
        with names_found_in(connection, feed.definition_path):
            done = connection.execute(query, {"since": cursor, **numbered("entity", entity)})
        return done.fetchall()
