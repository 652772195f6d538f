"""Rules of what a plan tells of a route, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

TELLING = (
    Mutation(
        "a construct that is known to be to blame is named",
        "reason",
        """\
if fragment.notes:
    ...
""",
        """\
if False:
    ...
""",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a column that is no value of single rows is named",
        "reason",
        """\
if computed:
    ...
""",
        """\
if False:
    ...
""",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a subquery that nothing ties to a row around is named",
        "_unconnected",
        "source.subquery and not source.outer and not source.left",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a subquery that is compared with a whole row is named",
        "_unconnected",
        "source.subquery and source.left and any(map(_is_whole_row, source.left))",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a group that is joined by a range of its key is named",
        "_unconnected",
        "source.table is None and tied and _is_group_key(source, tied[0])",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a subquery that is compared with something computed is named",
        "_unconnected",
        "source.subquery and source.left",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a derived table that is joined by something computed is named",
        "_unconnected",
        "source.table is None and tied",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a cross join is named",
        "_unconnected",
        "not tied and others and not source.outer",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a construct has its place",
        "_told",
        "f' at {location.line}:{location.column}' if location else ''",
        "f' at {place.line}:{place.column}' if False else ''",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a visit by a unique key finds one row",
        "_visit",
        """\
if table.has_key_in(visit.columns):
    return _ONE
""",
        "pass",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "a forecast never exceeds all entities",
        "_all_together",
        "total if entities is None else min(total, entities)",
        "total",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "visits multiply",
        "_route",
        "reach.times(_visit(visit, catalogue, statistics, lacking))",
        "_visit(visit, catalogue, statistics, lacking)",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the most selective condition counts",
        "_visit",
        "min(_typical(known.rows, column) for column in columns)",
        "max(_typical(known.rows, column) for column in columns)",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the most common value is the worst case",
        "_worst",
        "rows * column.common[0] if column.common else _typical(rows, column)",
        "_typical(rows, column)",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the most common values are left out of the typical one",
        "_typical",
        "others > len(column.common)",
        "False",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "an *all* reaches every entity",
        "_route",
        "route.kind is RouteKind.ALL",
        "False",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "what can't be told stays open",
        "_all_together",
        """\
if len(known) < len(numbers):
    return None
""",
        "pass",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the planner is asked of what statistics don't tell",
        "forecast",
        "not lacking",
        "False",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "a route whose rows are no entities has no number of them",
        "forecast",
        "reach.typical is None and route.kind in _WHOLE",
        "reach.typical is None",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "the entities that share a partial route's value",
        "_route",
        "route.kind is RouteKind.PARTIAL",
        "False",
        killed_by=("test_forecast",),
    ),
    Mutation(
        "a spelling that an aggregate hides is not shown",
        "_shown",
        "isinstance(node, exp.Column) and not _in_aggregate(node)",
        "isinstance(node, exp.Column)",
        killed_by=("test_equal_spellings",),
    ),
    Mutation(
        "a key beside it decides the spelling",
        "_in_select",
        "_folds(key) and refs_of(key) & shown and not refs_of(key) <= fixed",
        "_folds(key) and refs_of(key) & shown",
        killed_by=("test_equal_spellings",),
    ),
    Mutation(
        "a value that is equal by a nondeterministic collation decides no spelling",
        "_equated",
        "q.sides is None or FOLDING in collations_of(q.tree)",
        "q.sides is None",
        killed_by=("test_equal_spellings",),
    ),
)
"""Without one of these a reason or a forecast is another than a unit test says."""
