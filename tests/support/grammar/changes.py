"""Random DML: statements of one and of many rows, key changes, cascades, what a writer may do."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from tests.support.grammar.schemas import MOMENT, VALUES, Chance, Column, Schema, Table

_COPY = "COPY "


def filling(chance: Chance, schema: Schema) -> list[str]:
    """A few rows in each table."""
    return [insertion(chance, table) for table in schema.tables for _ in range(chance.number(2, 4))]


def change(chance: Chance, schema: Schema) -> str:  # noqa: PLR0911 # one for each kind of statement
    """One statement; it may fail, as a writer's may."""
    table = chance.of(schema.tables)
    match chance.weighed(
        {
            "update": 32,
            "insert": 22,
            "delete": 14,
            "same": 6,
            "upsert": 6,
            "together": 8,
            "update from": 6,
            "delete using": 5,
            "merge": 7,
            "copy": 5,
            "truncate": 2,
        }
    ):
        case "insert":
            return insertion(chance, table)
        case "upsert" if table.primary_key:
            column = chance.of(table.columns)
            values = ", ".join(value(chance, each) for each in table.columns)
            key = ", ".join(table.primary_key)
            return (
                f"INSERT INTO {table.name} VALUES ({values}) ON CONFLICT ({key}) "
                f"DO UPDATE SET {column.name} = {value(chance, column)}"
            )
        case "delete":
            return f"DELETE FROM {table.name}{where(chance, table)}"
        case "same":
            column = chance.of(table.columns)
            return f"UPDATE {table.name} SET {column.name} = {column.name}"
        case "together":
            # Rows that hang together go together: then one table's route may not lean on another's rows.
            other = chance.of(schema.tables)
            number = chance.number(1, 4)
            numbers = [c.name for c in other.columns if c.type == "integer"]
            return (
                f"WITH gone AS (DELETE FROM {other.name} WHERE {number} IN ({', '.join(numbers)})) "
                f"DELETE FROM {table.name}{where(chance, table)}"
            )
        case "update from":
            other = chance.of(schema.tables)
            column = chance.of(table.columns)
            return (
                f"UPDATE {table.name} AS x SET {column.name} = {_of_other(chance, column, other)} "
                f"FROM {other.name} AS y WHERE {_joined(chance, table, other)}"
            )
        case "delete using":
            other = chance.of(schema.tables)
            return (
                f"DELETE FROM {table.name} AS x USING {other.name} AS y WHERE {_joined(chance, table, other)}"
            )
        case "merge":
            return _merge(chance, table, chance.of(schema.tables))
        case "copy":
            return _copy(chance, table)
        case "truncate":
            return f"TRUNCATE {table.name}{' CASCADE' * chance.percent(50)}"
        case _:
            columns = chance.some(table.columns, 1, 2)
            sets = ", ".join(f"{column.name} = {_new(chance, table, column)}" for column in columns)
            return f"UPDATE {table.name} SET {sets}{where(chance, table)}"


def execute(connection: psycopg.Connection[Any], statement: str) -> None:
    """Execute a statement; a COPY has its rows below it, as in a dump."""
    if statement.startswith("MERGE") and connection.info.server_version < 150000:
        return
    if not statement.startswith(_COPY):
        connection.execute(sql.SQL(statement))  # pyright: ignore[reportArgumentType] # a test's own statement
        return
    head, rows = statement.split("\n", 1)
    with connection.cursor() as cursor, cursor.copy(sql.SQL(head)) as copy:  # pyright: ignore[reportArgumentType]
        copy.write(rows)


def insertion(chance: Chance, table: Table) -> str:
    rows = ", ".join(
        f"({', '.join(value(chance, column) for column in table.columns)})"
        for _ in range(chance.of((1, 1, 1, 2, 3)))
    )
    return f"INSERT INTO {table.name} VALUES {rows} ON CONFLICT DO NOTHING"


def where(chance: Chance, table: Table) -> str:
    column = chance.of(table.columns)
    if chance.percent(15):
        return ""
    if not column.not_null and chance.percent(20):
        return f" WHERE {column.name} IS NULL"
    if column.type in ("json", "jsonb", MOMENT):
        return f" WHERE {column.name} IS NOT NULL"
    return f" WHERE {column.name} = {chance.of(VALUES[column.type])}::{column.type}"


def value(chance: Chance, column: Column) -> str:
    if not column.not_null and chance.percent(20):
        return "NULL"
    if column.type == MOMENT:
        return f"clock_timestamp() + interval '{chance.of(('-1 day', '40 ms', '80 ms'))}'"
    return chance.of(VALUES[column.type])


def _new(chance: Chance, table: Table, column: Column) -> str:
    swappable = [c.name for c in table.columns if c.type == column.type and c.name != column.name]
    if swappable and chance.percent(15):
        return chance.of(swappable)
    if column.type == "integer" and chance.percent(15):
        return f"{column.name} % 4 + 1"
    return value(chance, column)


def _of_other(chance: Chance, column: Column, other: Table) -> str:
    """A value for a column: one of the other table's row `y`, where it has one of this type."""
    found = [f"y.{each.name}" for each in other.columns if each.type == column.type]
    return chance.of(found) if found and chance.percent(80) else value(chance, column)


def _joined(chance: Chance, table: Table, other: Table) -> str:
    own = chance.of([c for c in table.columns if c.type == "integer"])
    theirs = chance.of([c for c in other.columns if c.type == "integer"])
    narrowed = f" AND y.{theirs.name} = {chance.number(1, 4)}" * chance.percent(50)
    return f"x.{own.name} = y.{theirs.name}{narrowed}"


def _merge(chance: Chance, table: Table, other: Table) -> str:
    """A MERGE from rows that are distinct in what they are joined by: else it may fail where a join would
    not."""
    own = chance.of([c for c in table.columns if c.type == "integer"])
    theirs = chance.of([c for c in other.columns if c.type == "integer"])
    column = chance.of(table.columns)
    delete = f"WHEN MATCHED AND x.{own.name} > {chance.number(1, 4)} THEN DELETE " * chance.percent(40)
    update = f"WHEN MATCHED THEN UPDATE SET {column.name} = {_of_other(chance, column, other)} "
    values = ", ".join(_of_other(chance, each, other) for each in table.columns)
    insert = f"WHEN NOT MATCHED THEN INSERT VALUES ({values})" * chance.percent(60)
    return (
        f"MERGE INTO {table.name} AS x USING (SELECT DISTINCT ON ({theirs.name}) * FROM {other.name} "
        f"ORDER BY {theirs.name}, ({other.name.rpartition('.')[2]}.*)::text) AS y "
        f"ON x.{own.name} = y.{theirs.name} {delete}{update}{insert}"
    )


def _copy(chance: Chance, table: Table) -> str:
    rows = [
        "\t".join(_copied(chance, column) for column in table.columns) for _ in range(chance.number(1, 3))
    ]
    return "\n".join((f"{_COPY}{table.name} FROM STDIN", *rows, ""))


def _copied(chance: Chance, column: Column) -> str:
    """A value in COPY's text format."""
    if column.type == MOMENT:
        return "-infinity"
    literal = value(chance, column)
    return r"\N" if literal == "NULL" else literal.strip("'").replace("\\", "\\\\")
