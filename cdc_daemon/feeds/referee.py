"""PostgreSQL as the referee of the analysis: what it recorded, what it plans, and whether it was read
aright."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from cdc_daemon.analysis.catalogue import Catalogue, TableName
from cdc_daemon.analysis.failure import attempted
from cdc_daemon.analysis.indexes import missing_indexes
from cdc_daemon.analysis.plan import Analysis, Occurrence, Reading, Route, RouteKind, Verdict
from cdc_daemon.analysis.verdicts import unadvised
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.temporary_view import create_view
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import OWN_PATH, Connection, first_line, identifiers
from cdc_daemon.pg.statements import statement

Cursor: TypeAlias = psycopg.Cursor[tuple[Any, ...]]


def referee(analysis: Analysis, dependencies: Mapping[TableName, frozenset[str]]) -> Analysis:
    """The analysis, widened to everything that PostgreSQL recorded for the query (`pg_depend`).

    A table that the analysis lacks is taken as `all`, unless only a CTE that nothing reads names it; a column
    that it lacks is added to each occurrence of its table: columns that GROUP BY relies on, for one. Neither
    is ever ignored. The other way round nothing is checked: pg_depend drops a whole-row reference beside a
    column of the same table, the analysis doesn't.

    Args:
        dependencies: per relation, the columns recorded.
    """
    occurrences = list(analysis.occurrences)
    verdicts = list(analysis.verdicts)
    for table, columns in dependencies.items():
        if table in analysis.unwatched | analysis.unread:
            continue
        mine = [n for n, occurrence in enumerate(occurrences) if occurrence.table == table]
        if not mine:
            reason = "PostgreSQL records it for the query, and the analysis found no place where it is read"
            route = Route(RouteKind.ALL, (), "", reason)
            occurrences.append(Occurrence(table, str(table), (), tuple(sorted(columns)), (route,)))
            continue
        lacking = columns.difference(*(occurrences[n].columns for n in mine))
        for n in mine if lacking else ():
            widened = tuple(sorted({*occurrences[n].columns, *lacking}))
            occurrences[n] = replace(occurrences[n], columns=widened)
        if lacking:
            named = ", ".join(sorted(lacking))
            verdicts.append(
                Verdict(
                    "unnamed-column",
                    what=f"{table}: the query depends on {named} without naming it",
                    hint="nothing to do: changes of it are captured, too",
                )
            )
    return replace(analysis, occurrences=tuple(occurrences), verdicts=tuple(verdicts))


def check_routes(connection: Connection, analysis: Analysis, catalogue: Catalogue) -> Analysis:
    """Have the server compare what was read, plan every route, and tell which visit has no index.

    Args:
        connection: in autocommit mode and outside a transaction; left as it was.

    Returns:
        The same analysis with warnings added; where PostgreSQL reads the query otherwise than the analysis
        did, every occurrence becomes `all`, and so does one with a route that PostgreSQL can't plan.
    """
    if analysis.search_path is None:
        reason = "it can't be analysed: in its definition PostgreSQL finds other operators than in the query"
        analysis = _all(analysis, reason)
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=tuple_row) as cursor:
        find_names(connection, analysis.search_path or OWN_PATH, temporary_first=True)
        if analysis.understood is not None:
            readings = (Reading(analysis.definition, analysis.understood), *analysis.views)
            if not all(_same_query(cursor, analysis.feed, reading) for reading in readings):
                reason = "it can't be analysed: PostgreSQL reads the query otherwise than the analysis does"
                analysis = _all(analysis, reason)
        occurrences = tuple(_planned(cursor, occurrence) for occurrence in analysis.occurrences)
    analysis = replace(analysis, occurrences=occurrences)
    missing = attempted(lambda: tuple(missing_indexes(analysis, catalogue)), unadvised)
    return replace(analysis, verdicts=(*analysis.verdicts, *missing))


def _same_query(cursor: Cursor, feed: str, reading: Reading) -> bool:
    """Whether PostgreSQL makes the same of a definition and of what the analysis read in it.

    Both are resolved once more: the definition of a definition differs from it in small ways (a nested AND is
    flattened).
    """
    found = _resolved(cursor, reading.understood, feed)
    return found is not None and found == _resolved(cursor, reading.definition, feed)


def _resolved(cursor: Cursor, text: str, feed: str) -> str | None:
    """A query's definition, None if PostgreSQL can't make a view of it."""
    try:
        with cursor.connection.transaction(force_rollback=True):
            create_view(cursor, "catalogue.create_understood", text, feed)
            rows = cursor.execute(statement("catalogue.understood_definition")).fetchall()
    except FeedError:
        return None
    return str(rows[0][1])


def _all(analysis: Analysis, reason: str) -> Analysis:
    route = Route(RouteKind.ALL, (), "", reason)
    return replace(
        analysis,
        occurrences=tuple(
            replace(each, links=(), routes=(route,), row_filter=None, join_filters=())
            for each in analysis.occurrences
        ),
    )


def _planned(cursor: Cursor, occurrence: Occurrence) -> Occurrence:
    """The occurrence, or as `all` where PostgreSQL can't plan one of its routes: a defect of ours."""
    try:
        for route in occurrence.routes:
            if route.kind is not RouteKind.ALL:
                _explain(cursor, occurrence, route.sql)
        for each in occurrence.join_filters:
            _explain(cursor, occurrence, f"SELECT FROM delta WHERE {each.sql}")
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        reason = (
            f"its route can't be planned ({first_line(error)}): this is a defect of cdc-daemon, "
            "please report it with the query"
        )
        route = Route(RouteKind.ALL, (), "", reason)
        return replace(occurrence, links=(), routes=(route,), row_filter=None, join_filters=())
    return occurrence


def _explain(cursor: Cursor, occurrence: Occurrence, text: str) -> None:
    with cursor.connection.transaction(force_rollback=True):
        cursor.execute(
            statement(
                "catalogue.create_delta",
                links=identifiers(occurrence.links),
                table=sql.Identifier(*occurrence.table),
            )
        )
        route = sql.SQL(text)  # pyright: ignore[reportArgumentType] # rendered by the analysis
        cursor.execute(statement("catalogue.explain", route=route))
