"""Sums of floating-point numbers, which depend on the order of rows: (a + b) + c is not a + (b + c)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.model.scopes import scopes_of
from cdc_daemon.analysis.source_text import Location

_FLOATS = ("double precision", "real")
_EXACT = frozenset({"min", "max", "count", "percentile_disc", "percentile_cont", "mode"})
_HINT = "cast the argument to numeric: sum(x::numeric); or keep the amounts as numeric or in integers"


def floats(context: LintContext) -> Iterator[Verdict]:
    """Yield a verdict for each aggregate that adds up real or double precision values."""
    for function in context.catalogue.functions:
        if function.kind != "aggregate" or function.schema != "pg_catalog" or function.name in _EXACT:
            continue
        if not any(argument in _FLOATS for argument in function.arguments):
            continue
        same_name = [f for f in context.catalogue.functions if f.name == function.name]
        calls = context.calls(function)
        if any(not set(f.arguments) & set(_FLOATS) for f in same_name):
            calls = [call for call in calls if _floating(context, call)]
        what = f"{function.name}() of {function.arguments[0]} depends on the order in which rows come"
        locations = {location for call in calls if (location := context.locations.of_call(call)) is not None}
        found: list[Location | None] = [*sorted(locations)]
        for location in found or [None]:
            yield context.verdict("float-sum", what, _HINT, location)


def _floating(context: LintContext, call: Tree) -> bool:
    """Whether the argument of a call shows a floating-point type."""
    if any(cast.to.this in (exp.DType.DOUBLE, exp.DType.FLOAT) for cast in call.find_all(exp.Cast)):
        return True
    named = {node.name for node in call.find_all(exp.Column)}
    return any(
        column.type in _FLOATS
        for scope in (scopes_of(context.body) if context.body is not None else ())
        for source in scope.sources.values()
        if source.table is not None
        for column in source.table.columns.values()
        if column.name in named
    )
