"""An ORDER BY that leaves ties: tied rows come in the server's order, and the value flips.

The order of `json_agg(x ORDER BY position)` is stable if the ORDER BY, with the columns that are the same in
the whole group, determines every column that the call takes. Then tied rows can't be told apart
(`functional_dependencies.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.lint.functional_dependencies import determined, group_keys
from cdc_daemon.analysis.lint.missing_order import ORDERED
from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.dialect import Tree, quoted, render
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.model.scopes import (
    WHOLE_ROW,
    Ref,
    Scope,
    expressions_without_queries,
    refs_of,
    scopes_of,
)


def ties(context: LintContext) -> Iterator[Verdict]:
    """Yield ordered aggregates, LIMITs and DISTINCT ONs whose order leaves ties."""
    if context.body is None:
        return
    told: set[tuple[int | None, int | None, str]] = set()
    for scope in scopes_of(context.body):
        if scope.select is None:
            continue
        for verdict in (*_aggregates(context, scope, scope.select), *_limits(context, scope, scope.select)):
            if (verdict.line, verdict.column, verdict.what) not in told:  # a CTE that is read twice
                told.add((verdict.line, verdict.column, verdict.what))
                yield verdict


def _aggregates(context: LintContext, scope: Scope, select: exp.Select) -> Iterator[Verdict]:
    for part in (*select.expressions, select.args.get("having"), select.args.get("order")):
        for node in expressions_without_queries(part) if part is not None else ():
            if not isinstance(node, exp.Anonymous) or node.name.lower() not in ORDERED:
                continue
            order = next((each for each in node.expressions if isinstance(each, exp.Order)), None)
            if order is None or isinstance(order.this, exp.Distinct) or isinstance(node.parent, exp.Window):
                continue
            wanted = frozenset[Ref]().union(
                *(refs_of(each.this if isinstance(each, exp.Order) else each) for each in node.expressions)
            )
            keys = [each.this for each in order.expressions]
            missing = _undetermined(scope, [*keys, *group_keys(select)], wanted)
            if missing:
                what = (
                    f"{node.name}() orders by what several rows may share: {_list(scope, keys)} leaves ties"
                )
                hint = f"add {_unique(scope, missing)} at the end of its ORDER BY"
                yield _told(context, select, node, what, hint)


def _limits(context: LintContext, scope: Scope, select: exp.Select) -> Iterator[Verdict]:
    """Yield LIMITs and DISTINCT ONs that choose one of several tied rows."""
    order = select.args.get("order")
    distinct = select.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    limited = select.args.get("limit") is not None or select.args.get("offset") is not None
    if order is None or not (limited or on is not None) or (distinct is not None and on is None):
        return
    keys = [each.this for each in order.expressions]
    groups = group_keys(select)
    wanted = frozenset[Ref]().union(*map(refs_of, groups or scope.outputs))
    missing = _undetermined(scope, [*keys, *(on.expressions if on is not None else ())], wanted)
    if missing:
        word = "LIMIT" if limited else "DISTINCT ON"
        what = f"{word} takes the first of several rows, and ORDER BY {_list(scope, keys)} leaves ties"
        hint = f"add {_unique(scope, missing)} at the end of the ORDER BY"
        yield _told(context, select, order, what, hint)


def _told(context: LintContext, select: exp.Select, node: Tree, what: str, hint: str) -> Verdict:
    """A verdict about a call or an ORDER BY, at its location or that of its view."""
    view: TableName | None = select.meta.get("view")
    if view is not None:
        return context.verdict("ties", f"in view {view}: {what}", hint, context.location_of(view))
    locations = context.locations
    location = locations.of_order(node) if isinstance(node, exp.Order) else locations.of_call(node)
    return context.verdict("ties", what, hint, location)


def _undetermined(scope: Scope, keys: Iterable[Tree], wanted: frozenset[Ref]) -> frozenset[Ref]:
    """The wanted columns in which rows with the same keys may differ."""
    return frozenset(ref for ref in wanted if ref.source in scope.sources) - determined(scope, keys)


def _unique(scope: Scope, missing: frozenset[Ref]) -> str:
    """The columns that would make the order stable: a key of each table, else the columns themselves."""
    found: list[str] = []
    for uid in sorted({ref.source for ref in missing}):
        source = scope.sources[uid]
        columns = sorted(ref.column for ref in missing if ref.source == uid and ref.column != WHOLE_ROW)
        if source.table is not None:
            keys = [key for key in (source.table.primary_key, *source.table.unique_keys) if key]
            visible = {real: name for name, real in source.real.items()}
            columns = [visible[name] for name in keys[0]] if keys else columns or list(source.columns)
        found += [f"{_alias(scope, uid)}.{name}" for name in columns or source.columns]
    return ", ".join(found)


def _list(scope: Scope, keys: Sequence[Tree]) -> str:
    """Expressions as the user wrote them, under the aliases of the definition."""
    found: list[str] = []
    for key in keys:
        copy = key.copy()
        for node in copy.find_all(exp.Column):
            if node.table in scope.sources:
                node.set("table", quoted(_alias(scope, node.table)))
        found.append(render(copy))
    return ", ".join(found)


def _alias(scope: Scope, uid: str) -> str:
    """A source's alias in the text of this SELECT, without the names of views around it."""
    alias = scope.sources[uid].alias
    within = scope.select is not None and "view" in scope.select.meta
    return alias.rpartition(".")[2] if within else alias
