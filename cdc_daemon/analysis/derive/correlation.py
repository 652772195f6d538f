"""From rows of a correlated query back to the outer rows.

A correlated subquery or LATERAL is computed anew for each outer row, and its conditions refer to columns of
that row. For a known row of it, the route looks the row up in the query's sources until it reaches these
conditions; they name the outer rows.

A correlated recursive query refers to the outer row in its base, as a rule: `WHERE c.id = p.category_id`, and
from there up the tree. A changed row of a step affects the outer rows whose base leads to it. The route takes
the first step that a change touched. The rows before that step are in the tables as they were, so the route
follows them back over current rows, as far as the steps copy columns. Where the base yields such a row, its
conditions on outer columns name the outer rows.

This ends on cyclic data too, because only copied values are followed (`recursive_routes.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Value, substitute
from cdc_daemon.analysis.derive.join_path import JoinPath
from cdc_daemon.analysis.derive.null_extension import (
    given_conditions,
    null_extended,
    null_extended_conditions,
)
from cdc_daemon.analysis.derive.outer_join_states import JoinState, join_states
from cdc_daemon.analysis.derive.partial_route import PartialRoute
from cdc_daemon.analysis.derive.partition_peers import agree
from cdc_daemon.analysis.derive.recursive_routes import StepPath, compiled_step, copied_columns, step_alone
from cdc_daemon.analysis.derive.route_builder import Closure, Fragment
from cdc_daemon.analysis.derive.scope_plan import (
    Plan,
    compared_with,
    compiled,
    mentioned,
    outer_conditions,
    outer_goals,
    path_of,
    values_of,
)
from cdc_daemon.analysis.model.dialect import Tree, column
from cdc_daemon.analysis.model.scopes import (
    QUERY,
    Body,
    Conjunct,
    Recursion,
    Ref,
    Scope,
    Source,
    fold,
    joined,
    scopes_of,
)
from cdc_daemon.analysis.read.conjuncts import conjunct
from cdc_daemon.analysis.read.names import output_type

CORRELATED = (
    "WITH RECURSIVE refers to columns of the query around it in a way that can't be followed back: compare "
    "them in its base for equality with columns that its steps copy, or write it once, for all rows that it "
    "may start from, with that start as a column that its steps carry, and join it by that column"
)


def row_before(body: Recursion) -> Scope:
    """The step as a query that yields the row from which it starts."""
    scope = step_alone(body)
    itself = scope.sources[body.itself]
    names = itself.columns[: len(scope.outputs)]
    outputs = tuple(column(itself.uid, name) for name in names)
    return replace(scope, names=names, outputs=outputs, bindable=tuple(True for _ in names))


def routes_to_outer_rows(
    body: Recursion, fragment: Fragment, values: Mapping[int, Value]
) -> Iterator[PartialRoute]:
    """Yield routes from the row before a changed step, back to the bases that lead to it, to the outer rows.

    Args:
        values: the known columns of the row before, by position.
    """
    # A base that yields an outer column has no type here; the type of the step agrees.
    types = {n: output_type(body.base, n) or output_type(body.step, n) for n in values}
    seeds, steps = copied_columns(body, values, types, partial(_steps_back, body, types))
    if not seeds:
        yield PartialRoute(Fragment(fragment.source, notes=(*fragment.notes, CORRELATED)), {})
        return
    names = {n: name for n, name in enumerate(row_before(body).names) if n in seeds}
    closure = Closure(
        _before(body),
        _after(body),
        fragment,
        {names[n]: seed.tree for n, seed in seeds.items()},
        tuple(compiled_step(path, {names[n]: step[n] for n in seeds}) for path, step in steps),
    )
    start = Fragment(fragment.source, closure, notes=fragment.notes)
    found = {n: Value(column(_before(body), names[n]), exact=False, type=types[n]) for n in seeds}
    yield from rows_of(body.base, found, start, strict=_strict(body), notes=[CORRELATED])


def _before(body: Recursion) -> str:
    return f"{body.itself}$before"


def _after(body: Recursion) -> str:
    return f"{body.itself}$after"


def _steps_back(
    body: Recursion, types: Mapping[int, str | None], known: frozenset[int]
) -> Iterator[StepPath]:
    """Yield one step back for each state of its outer joins: from known columns of a row to the row
    before.
    """
    scope = row_before(body)
    strict = _strict(body)
    conjuncts = [
        agree(body.step.outputs[n], _value(_after(body), scope.names[n], types[n]), strict=strict)
        for n in sorted(known)
        if body.step.bindable[n]
    ]
    goals = {n: scope.outputs[n] for n in sorted(known)}
    for state in join_states(scope, None, frozenset(), conjuncts):
        usable = [q for q in (*given_conditions(state, conjuncts), *scope.conjuncts) if state.holds(q)]
        visible = frozenset(uid for uid in scope.sources if state.visible(uid))
        path = JoinPath(scope, usable, visible - {body.itself}, {})
        path.bind([null_extended(state, tree) for tree in goals.values()])
        yield path, values_of(path, state, goals)


def _strict(body: Recursion) -> bool:
    """Whether no step asks for NULL in the row before, neither in itself nor in a subquery."""
    conjuncts = (q for scope in scopes_of(body.step) for q in scope.conjuncts)
    return not any(isinstance(q.tree, exp.NullSafeEQ) for q in conjuncts)


def _value(alias: str, name: str, type_: str | None) -> Value:
    return Value(column(alias, name), exact=False, type=type_)


def rows_of(
    body: Body,
    known: Mapping[int, Value],
    fragment: Fragment,
    *,
    strict: bool,
    notes: Sequence[str] = (),
    asked: Callable[[Scope], Iterator[Conjunct]] | None = None,
) -> Iterator[PartialRoute]:
    """Yield routes from rows of a query that did not change to the outer rows.

    Args:
        known: the known columns of the rows, by position.
        strict: whether none of them is NULL.
        notes: the reasons to report if the rows know nothing of outer columns.
        asked: yields the conditions of the query around that compare columns of this query with outer ones,
            written over the sources of one of its SELECTs.
    """

    def in_recursion(body: Recursion) -> Iterator[PartialRoute]:
        plain = {n: value for n, value in known.items() if n < len(body.step.outputs)}
        return routes_to_outer_rows(body, fragment, plain)

    return fold(
        body,
        select=lambda scope: _rows_of_select(scope, known, fragment, strict=strict, notes=notes, asked=asked),
        arms=joined,
        recursion=in_recursion,
    )


def _rows_of_select(
    body: Scope,
    known: Mapping[int, Value],
    fragment: Fragment,
    *,
    strict: bool,
    notes: Sequence[str],
    asked: Callable[[Scope], Iterator[Conjunct]] | None,
) -> Iterator[PartialRoute]:
    conjuncts: list[Conjunct] = [
        agree(body.outputs[n], value, strict=strict) for n, value in known.items() if body.bindable[n]
    ]
    chosen = next(
        ((each, value) for n, value in known.items() if (each := greatest(body.outputs[n])) is not None), None
    )
    if chosen is not None:
        # Several calls of min() and max() may be of different rows, so only one is used.
        conjuncts.append(agree(*chosen, strict=strict))
    outer = [q for q in body.conjuncts if any(ref.source not in body.sources for ref in q.refs)]
    outer += [] if asked is None else asked(body)
    goals = outer_goals(body, outer)
    rows = frozenset(uid for uid, source in body.sources.items() if not source.subquery)
    plan = Plan(body, {}, outer, goals, goals, dict.fromkeys(body.sources, rows), ())
    for state in join_states(body, None, mentioned(goals), conjuncts):
        path = path_of(plan, state, None, {}, conjuncts, list(null_extended_conditions(state)))
        opened = list(outer_conditions(plan, path, state, conjuncts))
        around = None if opened else routes_through_correlated(plan, path, state, None, fragment)
        if around is not None:
            yield from around
            continue
        hops, conditions = compiled(plan, path, state, [value for _, value in opened], None)
        grown = fragment.grown(hops, conditions, () if opened else notes)
        yield PartialRoute(grown, {}, [q for q, _ in opened])


def greatest(output: Tree) -> Tree | None:
    """The argument of `max(x)` or `min(x)`: one of the rows has that value. None for any other output."""
    call = output.unnest()
    call = call.this.unnest() if isinstance(call, exp.Filter) else call
    if not isinstance(call, exp.Anonymous) or call.name.lower() not in ("max", "min"):
        return None
    (x,) = call.expressions
    single = not isinstance(x, (exp.Distinct, exp.Order))
    return x if single and not any(isinstance(node, QUERY) for node in x.walk()) else None


def routes_through_correlated(
    plan: Plan, path: JoinPath, state: JoinState, changed: str | None, fragment: Fragment
) -> Iterator[PartialRoute] | None:
    """The routes of a row that knows no outer columns but knows a correlated query next to it; None if there
    is none.

    Example: a subquery reads `FROM (SELECT … WHERE c.parent = p.category) v JOIN x ON x.id = v.id`, where p
    is outside. A changed x knows v.id, and the rows of v with that id know p.
    """
    for uid, source in plan.scope.sources.items():
        if uid not in path.visitable:
            continue
        compared = compared_with(plan.scope, source)
        for each in compared.values():
            path.bind([each])
            if path.knows(each):
                break
        found = {n: value for n, each in compared.items() if (value := path.value(each)) is not None}
        if any(value.anchored for value in found.values()):
            return _through_its_rows(plan, path, state, changed, source, found, fragment)
    return None


def _through_its_rows(
    plan: Plan,
    path: JoinPath,
    state: JoinState,
    changed: str | None,
    source: Source,
    values: Mapping[int, Value],
    fragment: Fragment,
) -> Iterator[PartialRoute]:
    def asked(body: Scope) -> Iterator[Conjunct]:
        outputs = {
            Ref(source.uid, name): body.outputs[n]
            for n, name in enumerate(source.columns[: len(body.outputs)])
            if body.bindable[n]
        }
        for q in plan.open:
            own = {ref for ref in q.refs if ref.source in plan.scope.sources}
            if state.holds(q) and own and own <= outputs.keys():
                yield from conjunct(substitute(q.tree, outputs), None, None, {})

    if source.body is None:
        raise AssertionError("a query has a body")
    hops, conditions = compiled(plan, path, state, list(values.values()), changed)
    known = {n: replace(value, hops=frozenset[str]()) for n, value in values.items()}
    strict = not any(isinstance(q.tree, exp.NullSafeEQ) for q in path.conjuncts)
    grown = fragment.grown(hops, conditions)
    yield from rows_of(source.body, known, grown, strict=strict, asked=asked)
