"""Rules of what a plan tells of a route, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

TELLING = (
    Mutation(
        "a construct that is known to be to blame is named",
        "reasons",
        "    if fragment.notes:",
        "    if False:",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a column that is no value of single rows is named",
        "reasons",
        "    if computed:",
        "    if False:",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a subquery that nothing ties to a row around is named",
        "reasons",
        "if source.subquery and not source.outer and not source.left:",
        "if False:",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a subquery that is compared with something computed is named",
        "reasons",
        "if source.subquery and source.left:",
        "if False:",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a derived table that is joined by something computed is named",
        "reasons",
        "if source.table is None and tied:",
        "if False:",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a cross join is named",
        "reasons",
        "if not tied and others and not source.outer:",
        "if False:",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a construct has its place",
        "reasons",
        "if place else ''}",
        "if False else ''}",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a visit by a unique key finds one row",
        "forecast",
        "    if _unique(table, visit.columns):\n        return _ONE\n",
        "",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "a forecast never exceeds all entities",
        "forecast",
        "return total if entities is None else min(total, entities)",
        "return total",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "visits multiply",
        "forecast",
        "        reach = reach.times(_visit(",
        "        reach = (_visit(",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the most selective condition counts",
        "forecast",
        "        min(_typical(known.rows, column) for",
        "        max(_typical(known.rows, column) for",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the most common value is the worst case",
        "forecast",
        "return rows * column.common[0] if column.common else _typical(rows, column)",
        "return _typical(rows, column)",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the most common values are left out of the typical one",
        "forecast",
        "    if others > len(column.common):",
        "    if False:",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "an *all* reaches every entity",
        "forecast",
        "    if route.kind is RouteKind.ALL:",
        "    if False:",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "what can't be told stays open",
        "forecast",
        "    if len(known) < len(numbers):\n        return None\n",
        "",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the planner is asked of what statistics don't tell",
        "forecast",
        "    if not lacking:",
        "    if False:",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "a route whose rows are no entities has no number of them",
        "forecast",
        " and route.kind in _WHOLE else",
        " else",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the entities that share a partial route's value",
        "forecast",
        "    if route.kind is RouteKind.PARTIAL:",
        "    if False:",
        killed_by=("test_forecast",),
    ),
)
"""Without one of these a reason or a forecast is another than a unit test says."""
