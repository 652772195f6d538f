"""Cross-checks the analysis against pg_depend, the resolved definition and EXPLAIN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from cdc_daemon.analysis.failure import attempted
from cdc_daemon.analysis.lint import unadvised
from cdc_daemon.analysis.model.catalogue import Catalogue, TableName
from cdc_daemon.analysis.model.plan import Analysis, Occurrence, Reading, Route, RouteKind, Verdict
from cdc_daemon.analysis.report.indexes import missing_indexes
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.temporary_view import create_view
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import OWN_PATH, Connection, first_line, identifiers
from cdc_daemon.pg.statements import statement

Cursor: TypeAlias = psycopg.Cursor[tuple[Any, ...]]


def cross_check(analysis: Analysis, dependencies: Mapping[TableName, frozenset[str]]) -> Analysis:
    """Return the analysis, widened to everything that PostgreSQL recorded for the query (`pg_depend`).

    A table that the analysis lacks gets the route `all`, unless only an unused CTE names it. A column that it
    lacks is added to each occurrence of its table (columns on which GROUP BY relies, for example). There is
    no
    check in the other direction: pg_depend drops a whole-row reference beside a column of the same table, the
    analysis does not.

    Args:
        dependencies: the recorded columns of each relation.
    """
    occurrences = list(analysis.occurrences)
    verdicts = list(analysis.verdicts)
    for table, columns in dependencies.items():
        if table in analysis.unwatched | analysis.unread:
            continue
        mine = [n for n, occurrence in enumerate(occurrences) if occurrence.table == table]
        if not mine:
            reason = "PostgreSQL records it for the query, and the analysis found no occurrence of it"
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
    """Have PostgreSQL check the analysed text and plan every route; find missing indexes.

    Args:
        connection: session in autocommit mode, outside of a transaction. It is left as it was.

    Returns:
        The analysis with additional warnings. If PostgreSQL resolves the analysed text differently, every
        occurrence becomes `all`. An occurrence with a route that PostgreSQL can't plan becomes `all` too.
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
    """Whether PostgreSQL resolves a definition and the text that the analysis read from it to the same query.

    Both are resolved again, because the definition of a definition differs from it in details (a nested AND
    is flattened).
    """
    found = _resolved(cursor, reading.understood, feed)
    return found is not None and found == _resolved(cursor, reading.definition, feed)


def _resolved(cursor: Cursor, text: str, feed: str) -> str | None:
    """Return a query's definition, or None if PostgreSQL can't create a view of it."""
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
    """Return the occurrence, or make it `all` if PostgreSQL can't plan one of its routes: a bug of ours."""
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
