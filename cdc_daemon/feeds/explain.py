"""Has PostgreSQL plan a feed's statements: for one changed row of each table, and for one entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.plan import Analysis, Occurrence, Route, RouteKind
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.hashed_documents import affected, entity_arrays
from cdc_daemon.feeds.text_form import texts
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import Connection, first_line, identifiers
from cdc_daemon.pg.statements import statement

LARGE_TABLE_ROWS = 10_000
"""Number of rows above which a sequential read of a table is reported."""

SAMPLE_SECONDS = 5
"""Longest time to find a sample entity, in seconds."""

Plan = Mapping[str, Any]

# Nodes that compute rows from others. A filter above such a node runs after all of its rows are computed.
_COMPUTED = frozenset(
    {"Subquery Scan", "CTE Scan", "WindowAgg", "Aggregate", "Group", "Unique", "Result", "Limit"}
)


@dataclass(frozen=True)
class Explained:
    """PostgreSQL's plan of one statement.

    Attributes:
        occurrence: the occurrence of the route; None for the recomputation of an entity.
        route: the route.
        rows, cost: the planner's estimates for the top node.
        flags: sentences about slow parts.
        plan: the result of EXPLAIN (FORMAT JSON).
        failed: the reason if there is no plan.
    """

    occurrence: Occurrence | None
    route: Route | None
    rows: float = 0.0
    cost: float = 0.0
    flags: tuple[str, ...] = ()
    plan: Plan | None = None
    failed: str | None = None


def explain(
    connection: Connection,
    feed: FeedDefinition,
    analysis: Analysis,
    rows: Mapping[TableName, float | None],
) -> list[Explained]:
    """Plan every route for one changed row, and the recomputation of a sample entity. Leaves nothing behind.

    Args:
        connection: session in autocommit mode, outside of a transaction. It is left as it was.
        rows: estimated number of rows of each table.
    """
    found = [
        _route(connection, occurrence, route, rows, feed.definition_path)
        for occurrence in analysis.occurrences
        for route in occurrence.routes
        if route.kind is not RouteKind.ALL
    ]
    return [*found, _recompute(connection, feed, rows, analysis)]


def planned_rows(
    connection: Connection, occurrence: Occurrence, route: Route, search_path: str
) -> float | None:
    """Return the planner's estimate of entities that one changed row reaches; None if planning fails.

    Args:
        connection: session in autocommit mode. The route is not run.
        search_path: search path of the analysis.
    """
    text = sql.SQL(route.sql)  # pyright: ignore[reportArgumentType] # rendered by the analysis
    guess = statement(
        "explain.planned_rows",
        links=identifiers(occurrence.links),
        table=sql.Identifier(*occurrence.table),
        route=text,
    )
    try:
        with connection.transaction():
            find_names(connection, search_path)
            rows: float = connection.execute(guess).fetchall()[0][0][0]["Plan"]["Plan Rows"]
    except psycopg.OperationalError:
        if connection.closed:
            raise
    except psycopg.Error:
        pass  # a missing right, or a type without comparison: `--explain` reports it
    else:
        return rows
    return None


def _route(
    connection: Connection,
    occurrence: Occurrence,
    route: Route,
    rows: Mapping[TableName, float | None],
    search_path: str,
) -> Explained:
    table = sql.Identifier(*occurrence.table)
    text = sql.SQL(route.sql)  # pyright: ignore[reportArgumentType] # rendered by the analysis
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(
                statement(
                    "explain.limit_time",
                ),
                {"milliseconds": SAMPLE_SECONDS * 1000},
            )
            connection.execute(
                statement("explain.create_delta", links=identifiers(occurrence.links), table=table)
            )
            connection.execute(statement("explain.analyze_delta"))
            find_names(connection, search_path, temporary_first=True)  # the delta is a temporary table
            plan = connection.execute(statement("explain.route", route=text)).fetchall()[0][0][0]["Plan"]
    except psycopg.OperationalError as error:
        if connection.closed:
            raise
        return Explained(occurrence, route, failed=first_line(error))
    except psycopg.Error as error:
        return Explained(occurrence, route, failed=first_line(error))
    return Explained(
        occurrence,
        route,
        plan["Plan Rows"],
        plan["Total Cost"],
        tuple(scan for _, scan in _scans(plan, rows)),
        plan,
    )


def _recompute(
    connection: Connection,
    feed: FeedDefinition,
    rows: Mapping[TableName, float | None],
    analysis: Analysis,
) -> Explained:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement("explain.limit_time"), {"milliseconds": SAMPLE_SECONDS * 1000})
            find_names(connection, feed.search_path)
            entity = _sample(connection, feed)
            if entity is None:
                return Explained(None, None, failed="the query yields no entity to try it with")
            explained = statement(
                "explain.recompute",
                query=feed.query(with_parameters=True),
                affected=affected(feed, "q"),
            )
            # Take the entity twice: PostgreSQL plans and prints an array of one value as a plain comparison.
            parameters = entity_arrays(feed, [tuple(entity), tuple(entity)])
            # Put the values into the statement: EXPLAIN can't take parameters.
            with psycopg.ClientCursor(connection) as cursor:
                plan: Plan = cursor.execute(explained, parameters).fetchall()[0][0][0]["Plan"]
    except psycopg.OperationalError as error:
        if connection.closed:
            raise
        return Explained(None, None, failed=first_line(error))
    except psycopg.Error as error:
        return Explained(None, None, failed=first_line(error))
    flags = (*_not_pushed_down(plan, entity), *_read_whole(plan, rows, analysis))
    return Explained(None, None, plan["Plan Rows"], plan["Total Cost"], flags, plan)


def _sample(connection: Connection, feed: FeedDefinition) -> Sequence[str] | None:
    """Return the text values of a stored entity, else of one that the query returns."""
    values = texts(feed, feed.entity, of="q")
    ((stored,),) = connection.execute(
        statement("explain.is_stored"), {"name": f'{own_schema.name()}."{feed.table}"'}
    ).fetchall()
    if stored:
        found = connection.execute(
            statement("explain.sample_stored", texts=values, feed=sql.Identifier(feed.table))
        ).fetchall()
        if found:
            return found[0]
    query = feed.query(with_parameters=False)
    found = connection.execute(statement("explain.sample", texts=values, query=query)).fetchall()
    return found[0] if found else None


def _nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _read_whole(plan: Plan, rows: Mapping[TableName, float | None], analysis: Analysis) -> Iterator[str]:
    """Yield a sentence with a remedy for each large table that the recomputation reads as a whole."""
    remedies = {
        table.name: verdict.hint
        for table in rows
        for verdict in analysis.verdicts
        if verdict.name == "missing-index" and f" ON {table.quoted} (" in verdict.hint
    }
    for name, scan in _scans(plan, rows):
        yield f"{scan}; {remedies.get(name, 'a LATERAL subquery that names the entity would read its own')}"


def _scans(plan: Plan, rows: Mapping[TableName, float | None]) -> Iterator[tuple[str, str]]:
    """Yield large tables of which the plan reads every row, also by an index without a condition.

    Yields:
        The table's name, and a sentence.
    """
    sizes = {table.name: number for table, number in rows.items()}
    whole = (
        node["Relation Name"]
        for node in _nodes(plan)
        if node["Node Type"] == "Seq Scan"
        or (node["Node Type"] in ("Index Scan", "Index Only Scan") and "Index Cond" not in node)
    )
    for name in dict.fromkeys(whole):
        number = sizes.get(name)
        if number is not None and number > LARGE_TABLE_ROWS:
            yield name, f"reads all of {name} (about {number:,.0f} rows)"


def _tests(condition: str, entity: Sequence[str]) -> bool:
    """Whether a node's filter is the condition on the entity, in which each value occurs twice."""
    return "ANY (" in condition and any(condition.count(value) >= 2 for value in entity)


def _not_pushed_down(plan: Plan, entity: Sequence[str]) -> Iterator[str]:
    """Yield a sentence if the condition on the entity filters rows that were computed before."""
    for node in _nodes(plan):
        condition = str(node.get("Filter", ""))
        if node["Node Type"] in _COMPUTED and _tests(condition, entity):
            named = node.get("CTE Name") or node.get("Alias")
            where = f"{node['Node Type']} {named}" if named else node["Node Type"]
            yield (
                f"the entity's condition is not pushed down: all rows of {where} are computed, then filtered "
                "(a CTE that is read twice, a window not partitioned by the entity, a LIMIT)"
            )
