"""PostgreSQL as the referee of the analysis: what it recorded, what it plans, and whether it was read aright."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cdc_daemon.analysis.catalogue import TableName
from cdc_daemon.analysis.plan import Analysis, Occurrence, Route, RouteKind, Verdict


def referee(analysis: Analysis, dependencies: Mapping[TableName, frozenset[str]]) -> Analysis:
    """The analysis, widened to everything that PostgreSQL recorded for the query (`pg_depend`).

    A table that the analysis lacks is taken as `all`; a column that it lacks is added to each occurrence of its
    table: columns that GROUP BY relies on, for one. Neither is ever ignored. The other way round nothing is
    checked: pg_depend drops a whole-row reference beside a column of the same table, the analysis doesn't.

    Args:
        dependencies: per relation, the columns recorded.
    """
    occurrences = list(analysis.occurrences)
    verdicts = list(analysis.verdicts)
    for table, columns in dependencies.items():
        mine = [n for n, occurrence in enumerate(occurrences) if occurrence.table == table]
        if not mine:
            reason = "PostgreSQL records it for the query, and the analysis found no place where it is read"
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
                    refusal=False,
                    what=f"{table}: the query depends on {named} without naming it",
                    hint="nothing to do: changes of it are captured, too",
                )
            )
    return replace(analysis, occurrences=tuple(occurrences), verdicts=tuple(verdicts))
