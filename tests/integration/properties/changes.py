"""Random DML: statements of one and of many rows, key changes, cascades, what a writer may do."""

from __future__ import annotations

from tests.integration.properties.schemas import VALUES, Chance, Column, Schema, Table


def filling(chance: Chance, schema: Schema) -> list[str]:
    """A few rows in each table."""
    return [insertion(chance, table) for table in schema.tables for _ in range(chance.number(2, 4))]


def change(chance: Chance, schema: Schema) -> str:  # noqa: PLR0911 # one for each kind of statement
    """One statement; it may fail, as a writer's may."""
    table = chance.of(schema.tables)
    match chance.weighed(
        {"update": 34, "insert": 26, "delete": 16, "same": 8, "upsert": 6, "together": 8, "truncate": 2}
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
        case "truncate":
            return f"TRUNCATE {table.name}{' CASCADE' * chance.percent(50)}"
        case _:
            columns = chance.some(table.columns, 1, 2)
            sets = ", ".join(f"{column.name} = {_new(chance, table, column)}" for column in columns)
            return f"UPDATE {table.name} SET {sets}{where(chance, table)}"


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
    if column.type in ("json", "jsonb"):
        return f" WHERE {column.name} IS NOT NULL"
    return f" WHERE {column.name} = {chance.of(VALUES[column.type])}::{column.type}"


def value(chance: Chance, column: Column) -> str:
    if not column.not_null and chance.percent(20):
        return "NULL"
    return chance.of(VALUES[column.type])


def _new(chance: Chance, table: Table, column: Column) -> str:
    swappable = [c.name for c in table.columns if c.type == column.type and c.name != column.name]
    if swappable and chance.percent(15):
        return chance.of(swappable)
    if column.type == "integer" and chance.percent(15):
        return f"{column.name} % 4 + 1"
    return value(chance, column)
