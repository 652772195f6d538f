"""Lookups that read a whole table because an index is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from cdc_daemon.analysis.model.catalogue import Catalogue, Table, quoted_name
from cdc_daemon.analysis.model.dialect import Unreadable, parse, render
from cdc_daemon.analysis.model.plan import Analysis, Verdict, Visit

SMALL_TABLE_ROWS = 5_000
"""A table with fewer rows is read as a whole in a millisecond: no index is worth a word."""

_RECOMPUTATION = "each recomputation of an entity"

_LineColumn: TypeAlias = tuple[int | None, int | None]


def served(visit: Visit, table: Table) -> bool:
    """Whether some index of the table begins with a column or expression of the lookup."""
    for index in table.indexes:
        first = next((name for name in index if name not in visit.constants), None)
        if first in visit.columns:
            return True
    return bool({_normal(each) for each in table.index_expressions} & set(map(_normal, visit.expressions)))


def create_index(visit: Visit, table: Table) -> str | None:
    """The CREATE INDEX statement for a lookup; None if it has no lookup columns."""
    keys = [quoted_name(name) for name in visit.columns] or [f"({each})" for each in visit.expressions[:1]]
    how = "CREATE INDEX" if table.partitioned else "CREATE INDEX CONCURRENTLY"
    return f"{how} ON {table.name.quoted} ({', '.join(keys)});" if keys else None


def missing_indexes(analysis: Analysis, catalogue: Catalogue) -> Iterator[Verdict]:
    """Yield a warning for each lookup without an index, once for each index."""
    told: set[str] = set()
    for visit, reader, location in _lookups(analysis, catalogue):
        create = _wanted(visit, catalogue)
        if create is None or create in told:
            continue
        told.add(create)
        by = ", ".join(visit.columns or visit.expressions)
        what = f"{reader} reads all of {visit.table}: no index begins with {by}"
        yield Verdict("missing-index", what, create, *location)


def _lookups(analysis: Analysis, catalogue: Catalogue) -> Iterator[tuple[Visit, str, _LineColumn]]:
    """Yield each lookup that needs an index, its user, and its location in the user's text."""
    for occurrence in analysis.occurrences:
        for route in occurrence.routes:
            for visit in route.visits:
                yield visit, f"each change of {occurrence.table}", (occurrence.line, occurrence.column)
    # One index is enough to find an entity.
    if all(_wanted(visit, catalogue) is not None for visit in analysis.lookups):
        yield from ((visit, _RECOMPUTATION, (None, None)) for visit in analysis.lookups[:1])
    for visit in analysis.joined_lookups:
        yield visit, _RECOMPUTATION, _location(analysis, visit)


def _location(analysis: Analysis, visit: Visit) -> _LineColumn:
    """The location where the query reads the table, if there is only one."""
    locations = {(each.line, each.column) for each in analysis.occurrences if each.table == visit.table}
    return locations.pop() if len(locations) == 1 else (None, None)


def _wanted(visit: Visit, catalogue: Catalogue) -> str | None:
    """The index that a lookup lacks."""
    table = catalogue.tables.get(visit.table)
    if table is None or not table.watchable or served(visit, table):
        return None
    if table.rows and table.rows < SMALL_TABLE_ROWS:  # one that is empty yet tells nothing
        return None
    return create_index(visit, table)


def _normal(expression: str) -> str:
    """An expression as the analysis writes it, so that different spellings compare equal."""
    try:
        return render(parse(f"SELECT {expression}").expressions[0].unnest())
    except Unreadable:
        return expression
