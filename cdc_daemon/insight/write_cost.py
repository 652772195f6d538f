"""How much longer a write into a captured table takes because of its trigger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from cdc_daemon.errors import CdcError
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

TIMES = 20
"""How often a statement is measured."""

OTHER_VALUE: Mapping[str, LiteralString] = {
    "N": "t.{column} OPERATOR(pg_catalog.+) 1",
    "S": "t.{column} OPERATOR(pg_catalog.||) '.'",
    "B": "NOT t.{column}",
}
"""Another value of a column, by the category of its type."""


@dataclass(frozen=True)
class WriteCost:
    """What capture adds to a statement.

    Attributes:
        table: `schema.table`.
        statements: how many were measured by the server since its statistics were reset.
        milliseconds: the mean of one.
    """

    table: str
    statements: int
    milliseconds: float


@dataclass(frozen=True)
class MeasuredCost:
    """One statement that changes one row, as it was measured here.

    Attributes:
        column: the column that it writes.
        changes: whether the value becomes another one, so that the trigger writes an entry.
        milliseconds: median time of the whole statement.
        capture_milliseconds: median time of the capture trigger in it.
    """

    table: str
    column: str
    changes: bool
    milliseconds: float
    capture_milliseconds: float


def read_write_costs(connection: Connection) -> list[WriteCost]:
    """Return what the server measured of each captured table; nothing while `track_functions` is off."""
    return [
        WriteCost(f"{schema}.{table}", calls, round(total / calls, 4))
        for schema, table, calls, total in connection.execute(statement("write_cost.measured_by_server"))
        if calls
    ]


def measure(connection: Connection, schema: str, table: str) -> MeasuredCost:
    """Measure statements that write one row, and roll them back.

    They lock the row for some milliseconds, and other triggers of the table run, too.

    Raises:
        CdcError: the table is not captured, or has no row or column that a measurement can write.
    """
    where = f"table {schema}.{table}"
    columns = connection.execute(
        statement("write_cost.columns"), {"schema": schema, "table": table}
    ).fetchall()
    for column, value, changes in _attempts(columns):
        try:
            found = _measured(connection, schema, table, column, value)
        except psycopg.errors.InsufficientPrivilege as error:
            raise CdcError(
                "this role may not write the table",
                where=where,
                hint="grant UPDATE to it, or set track_functions = 'pl': then `status` shows the cost",
            ) from error
        except (psycopg.errors.IntegrityError, psycopg.errors.DataError, psycopg.errors.RaiseException):
            continue  # a constraint or another trigger does not take this value
        if found is not None:
            return MeasuredCost(f"{schema}.{table}", column, changes, *found)
    raise CdcError(
        "has no row with a column that a measurement can write",
        where=where,
        hint="name a captured table that has rows (`cdc-daemon plan` lists them)",
    )


def _attempts(columns: Sequence[tuple[str, str]]) -> Iterator[tuple[str, sql.Composed, bool]]:
    for column, category in columns:
        yield column, sql.SQL(OTHER_VALUE[category]).format(column=sql.Identifier(column)), True
    for column, _ in columns:
        yield column, sql.SQL("t.{}").format(sql.Identifier(column)), False


def _measured(
    connection: Connection, schema: str, table: str, column: str, value: sql.Composed
) -> tuple[float, float] | None:
    query = statement(
        "write_cost.update_one",
        table=sql.Identifier(schema, table),
        column=sql.Identifier(column),
        value=value,
        filled=sql.SQL("s.{} IS NOT NULL").format(sql.Identifier(column)),
    )
    whole: list[float] = []
    capture: list[float] = []
    with connection.transaction(force_rollback=True):
        for _ in range(TIMES):
            row = connection.execute(query).fetchone()
            plan: dict[str, Any] = row[0][0] if row else {}
            triggers: list[dict[str, Any]] = plan.get("Triggers", [])
            times = [each["Time"] for each in triggers if each["Trigger Name"].startswith("cdc_capture_")]
            if not times:
                return None
            whole.append(plan["Execution Time"])
            capture.append(sum(times))
    return round(median(whole), 4), round(median(capture), 4)
