"""Changes of tables under running feeds and writers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import NamedTuple

from tests.support.grammar.schemas import Column, Table
from tests.torture.sinks import Undo
from tests.torture.world import Fault, World

_numbers = count(1)


class _Change(NamedTuple):
    does: tuple[str, ...]
    undoes: tuple[str, ...] = ()


def _made(world: World, change: _Change) -> Undo | bool:
    if not world.execute(*change.does):
        return False
    if not change.undoes:
        return True

    def undo() -> None:
        if not world.execute(*change.undoes):
            world.said.append(f"not undone: {'; '.join(change.undoes)}")

    return undo


def column_added(world: World) -> Undo | bool:
    """One that no feed uses; taken away again later."""
    table, name = world.chance.of(world.case.schema.tables).name, f"extra_{next(_numbers)}"
    return _made(
        world,
        _Change(
            (f"ALTER TABLE {table} ADD COLUMN {name} integer DEFAULT 7",),
            (f"ALTER TABLE {table} DROP COLUMN {name}",),
        ),
    )


def column_renamed(world: World) -> Undo | bool:
    """Any column, and back: feeds that use it stand still in between."""
    table = world.chance.of(world.case.schema.tables)
    column, other = world.chance.of(table.columns).name, f"renamed_{next(_numbers)}"
    rename = f"ALTER TABLE {table.name} RENAME COLUMN"
    return _made(world, _Change((f"{rename} {column} TO {other}",), (f"{rename} {other} TO {column}",)))


def column_dropped(world: World) -> Undo | bool:
    """The last column, which may be used; put back later, with NULLs."""
    found = [
        (table, column)
        for table in world.case.schema.tables
        for column in table.columns[-1:]
        if not column.not_null and column.references is None and len(table.columns) > 1
    ]
    if not found:
        return False
    table, column = world.chance.of(found)
    alter = f"ALTER TABLE {table.name}"
    return _made(
        world,
        _Change(
            (f"{alter} DROP COLUMN {column.name}",), (f"{alter} ADD COLUMN {column.name} {column.type}",)
        ),
    )


def type_changed(world: World) -> Undo | bool:
    """An integer becomes larger, and an integer again later."""
    found = _plain_integers(world.case.schema.tables)
    if not found:
        return False
    table, column = world.chance.of(found)
    alter = f"ALTER TABLE {table.name} ALTER COLUMN {column.name} TYPE"
    return _made(world, _Change((f"{alter} bigint",), (f"{alter} integer",)))


def _plain_integers(tables: tuple[Table, ...]) -> list[tuple[Table, Column]]:
    return [
        (table, column)
        for table in tables
        for column in table.columns
        if column.type == "integer" and column.references is None and column.name not in table.primary_key
    ]


def partition_added(world: World) -> Undo | bool:
    """With rows in it before it is attached, or not."""
    day = world.case.days + 1
    row = f"INSERT INTO visit_{day} VALUES ({day}, {day}, 'first')"
    if world.chance.percent(50):
        made: tuple[str, ...] = (f"CREATE TABLE visit_{day} PARTITION OF visit FOR VALUES IN ({day})", row)
    else:
        made = (
            f"CREATE TABLE visit_{day} (LIKE visit INCLUDING ALL)",
            row,
            f"ALTER TABLE visit ATTACH PARTITION visit_{day} FOR VALUES IN ({day})",
        )
    if not world.execute(*made):
        return False
    world.case.days = day
    return True


def table_swapped(world: World) -> Undo | bool:
    """A copy takes the name of a table that no foreign key leads to."""
    tables = world.case.schema.tables
    led_to = {column.references for table in tables for column in table.columns}
    found = [table for table in tables if table.name not in led_to]
    table = world.chance.of(found or tables).name
    place, _, name = table.rpartition(".")
    number = next(_numbers)
    prefix = f"{place}." if place else ""
    new, old = f"new_{number}", f"old_{number}"
    return _made(
        world,
        _Change(
            (
                f"LOCK TABLE {table}",
                f"CREATE TABLE {prefix}{new} (LIKE {table} INCLUDING ALL)",
                f"INSERT INTO {prefix}{new} SELECT * FROM {table}",
                f"ALTER TABLE {table} RENAME TO {old}",
                f"ALTER TABLE {prefix}{new} RENAME TO {name}",
            ),
            (f"DROP TABLE {prefix}{old} CASCADE",),
        ),
    )


_MADE: Mapping[str, Callable[[World], Undo | bool]] = {
    "column added and dropped": column_added,
    "column renamed and back": column_renamed,
    "column dropped and put back": column_dropped,
    "type changed and back": type_changed,
    "partition added": partition_added,
    "table swapped by rename": table_swapped,
}
SCHEMA_CHANGES: Mapping[str, tuple[int, Fault]] = {name: (2, made) for name, made in _MADE.items()}
"""By name: how often it is chosen, and what makes it."""
