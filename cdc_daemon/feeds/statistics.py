"""Reads the planner's statistics of a feed's tables, and its estimate of the feed's entities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from cdc_daemon.analysis.model.catalogue import Table, TableName
from cdc_daemon.analysis.report.forecast import ColumnStatistics, TableStatistics
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


def read_statistics(connection: Connection, tables: Iterable[Table]) -> Mapping[TableName, TableStatistics]:
    """Return the statistics of ANALYZE for some tables, without columns that the role may not read."""
    names = {table.oid: table.name for table in tables}
    found: dict[int, dict[str, ColumnStatistics]] = {}
    rows: dict[int, float | None] = {}
    relations = {"relations": list(names)}
    for oid, number in connection.execute(statement("statistics.rows"), relations).fetchall():
        rows[oid] = None if number < 0 else number
    for oid, name, distinct, nulls, common in connection.execute(
        statement("statistics.columns"), relations
    ).fetchall():
        # A negative number is a fraction of the rows, which stays right when the table grows.
        number = -distinct * (rows.get(oid) or 0.0) if distinct < 0 else distinct
        found.setdefault(oid, {})[name] = ColumnStatistics(number, nulls, tuple(common or ()))
    return {
        name: TableStatistics(
            rows.get(oid) if oid in found or rows.get(oid) == 0 else None, found.get(oid, {})
        )
        for oid, name in names.items()
    }


def expected_entities(connection: Connection, feed: FeedDefinition) -> float | None:
    """Return the planner's estimate of the query's entities; None if it can't plan the query."""
    query = statement(
        "statistics.entities",
        entities=columns(feed.entity, of="q"),
        query=feed.query(with_parameters=False),
    )
    try:
        with connection.transaction(force_rollback=True):
            find_names(connection, feed.search_path)
            plan: Any = connection.execute(sql.SQL("{}").format(query)).fetchall()[0][0]
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return None
    return float(plan[0]["Plan"]["Plan Rows"])
