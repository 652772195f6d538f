"""The triggers that a source table needs, with their relations and names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.capture.catalogue import Installed
from cdc_daemon.capture.source import Source
from cdc_daemon.pg import own_schema


@dataclass(frozen=True)
class Trigger:
    """A capture trigger.

    Attributes:
        table: the relation that has the trigger: the source table, or one above or below it.
        event: insert, update, delete or truncate.
        function: the function that it calls.
    """

    table: TableName
    name: str
    event: str
    function: str


def wanted_triggers(sources: Sequence[Source], installed: Installed) -> dict[Source, list[Trigger]]:
    """Return the triggers of each source table.

    A partition and its parent may both be source tables. Then each relation has the triggers of both, the
    second ones with numbered names. An existing trigger keeps its name.
    """
    functions = {source.function for source in sources}.union(
        captured.function for captured in installed.sources.values()
    )
    taken: dict[tuple[TableName, str], str] = {
        place: trigger.function
        for place, trigger in installed.triggers.items()
        if trigger.function in functions
    }
    return {
        source: [
            Trigger(table, _name(taken, table, event, source.function), event, source.function)
            for table, event in source.triggered
        ]
        for source in sources
    }


def _name(taken: dict[tuple[TableName, str], str], table: TableName, event: str, function: str) -> str:
    names = list(_names(event, len(taken) + 1))
    name = next((name for name in names if taken.get((table, name)) == function), None)
    name = name or next(name for name in names if (table, name) not in taken)
    taken[table, name] = function
    return name


def _names(event: str, most: int) -> Iterator[str]:
    first = own_schema.trigger(event)
    yield first
    yield from (f"{first}_{number}" for number in range(2, most + 1))
