"""Visits that would read a whole table for want of an index."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.catalogue import Catalogue, quoted_name
from cdc_daemon.analysis.plan import Analysis, Verdict


def missing_indexes(analysis: Analysis, catalogue: Catalogue) -> Iterator[Verdict]:
    """A warning for each table that a route visits by columns with which no index of it begins, each once."""
    told: set[tuple[object, ...]] = set()
    for occurrence in analysis.occurrences:
        for visit in (visit for route in occurrence.routes for visit in route.visits):
            table = catalogue.tables.get(visit.table)
            if table is None or (visit.table, visit.columns) in told:
                continue
            told.add((visit.table, visit.columns))
            if not visit.columns or any(index[0] in visit.columns for index in table.indexes if index):
                continue
            columns = ", ".join(map(quoted_name, visit.columns))
            where = visit.table.quoted
            yield Verdict(
                "missing-index",
                what=f"each change of {occurrence.table} reads all of {visit.table}: "
                f"no index begins with {columns}",
                hint=f"CREATE INDEX CONCURRENTLY ON {where} ({columns});",
            )
