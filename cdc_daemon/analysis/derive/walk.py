"""Routes from a changed row of any table to the rows of a query, from the innermost query to the outermost.

docs/architecture.md ("Why a route never names too few entities") proves that no affected row is missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial

from sqlglot import exp

from cdc_daemon.analysis.derive.correlation import CORRELATED, routes_to_outer_rows, row_before
from cdc_daemon.analysis.derive.delta_rules import routes_of
from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.membership import is_null, membership_branches
from cdc_daemon.analysis.derive.partial_route import (
    Alternatives,
    Partial,
    PartialRoute,
    converted,
    extended,
    merged,
)
from cdc_daemon.analysis.derive.recursive_routes import closure_over, step_alone
from cdc_daemon.analysis.derive.route_builder import DELTA, Fragment
from cdc_daemon.analysis.derive.scope_plan import Demand, Plan, demand_of, placed, plan_of
from cdc_daemon.analysis.derive.work_limit import Work
from cdc_daemon.analysis.model.collations import FOLDING, WRITTEN, collations_of, marked, of_column, of_output
from cdc_daemon.analysis.model.dialect import column
from cdc_daemon.analysis.model.scopes import Body, Recursion, Ref, Scope, SetOperation, Source, fold
from cdc_daemon.analysis.read.names import output_type, type_of, typed_null

_COMPUTED = "WITH RECURSIVE computes {} from step to step: choose columns that its steps copy from a table"


def walk(body: Body, demand: Demand, work: Work) -> Iterator[Partial]:
    """Yield every route from a changed row inside a query to the rows of that query.

    Args:
        demand: the outputs that the query around needs.
        work: limits how much is followed, and knows afterwards which occurrences have more routes.
    """
    return fold(
        body,
        select=lambda scope: _walk_select(scope, demand, work),
        arms=lambda union, arms: _of_arms(union, arms, demand),
        recursion=lambda recursion: _walk_recursion(recursion, demand, work),
    )


def _walk_select(body: Scope, demand: Demand, work: Work) -> Iterator[Partial]:
    plan = plan_of(body, demand)
    for source in body.sources.values():
        if source.table is not None:
            start = {
                Ref(source.uid, visible): Value(
                    marked(column(DELTA, source.real[visible]), of_column(source, visible)),
                    type=type_of(source, visible),
                )
                for visible in body.used[source.uid]
                if visible in source.real and not source.table.columns[source.real[visible]].virtual
            }
            yield from routes_of(plan, source, Fragment(source), start, ())
        elif source.body is not None:
            inside = walk(source.body, demand_of(plan, source), work)
            yield from work.extended(inside, partial(_from_inside, plan, source))


def _from_inside(plan: Plan, source: Source, route: PartialRoute) -> Iterator[Partial]:
    """Extend a route to the rows of a query inside a SELECT to the rows of that SELECT."""
    here = [placed(q, source) for q in route.outer]
    start = {
        Ref(source.uid, source.columns[n]): _typed(source, n, value) for n, value in route.values.items()
    }
    for branch in membership_branches(plan.scope, source, start):
        yield from routes_of(
            plan, source, route.fragment.guarded(branch.conditions), start, (*here, *branch.conjuncts)
        )


def _of_arms(body: SetOperation, arms: list[Iterator[Partial]], demand: Demand) -> Iterator[Partial]:
    # Arms of different types are converted to one type: 1 becomes 1.0, which is only equal.
    same = {n for n in demand.outputs if len(body.arms) == 1 or output_type(body, n) is not None}
    for part, routes in zip(body.arms, arms, strict=True):
        # A value that is equal by the arm's collation may belong to another row by the union's collation.
        lost = {n for n in demand.outputs if _by_another_collation(body, n, part)}
        yield from extended(routes, partial(_from_arm, body, same, lost))


def _from_arm(
    body: SetOperation, same: Collection[int], lost: Collection[int], route: PartialRoute
) -> Iterator[Partial]:
    """Extend a route to the rows of an arm to the rows of the set operation."""
    fragment, values = route.fragment, route.values
    if body.limit is not None:
        fragment, values = fragment.grown((), (), (body.limit,)), {}
    else:
        alike = {n: value for n, value in values.items() if n in same}
        values = {**converted(values), **(merged(alike) if body.distinct else alike)}
    values = {n: value for n, value in values.items() if n not in lost}
    yield PartialRoute(fragment, values, route.outer)


def _by_another_collation(body: SetOperation, n: int, part: Body) -> bool:
    found = of_output(part, n)
    return FOLDING in found and found != of_output(body, n)


def _walk_recursion(body: Recursion, demand: Demand, work: Work) -> Iterator[Partial]:
    """Yield the better of two sets of routes. Each is complete; a part of each would not be."""
    last = _from_last_change(body, demand, work)
    if body.correlated:
        yield Alternatives((tuple(last), tuple(_back_from_first_change(body, work))))
        return
    carried = frozenset(n for n in demand.outputs if n < len(body.step.outputs) and _carried(body, n))
    if not carried:
        yield from last
        return
    yield Alternatives((tuple(last), tuple(_from_first_change(body, carried, work))))


def _from_last_change(body: Recursion, demand: Demand, work: Work) -> Iterator[Partial]:
    """Routes from the last step that a change touched, over all further steps.

    The further steps join unchanged rows, so a closure over current rows follows them, by the columns that
    they copy.
    """

    def further(route: PartialRoute) -> Iterator[Partial]:
        # Conditions on outer columns are left out. They would have to pass through every step.
        grown, values = closure_over(body, route.fragment, route.values)
        lost = [body.names[n] for n in sorted(demand.outputs - values.keys())]
        notes = [CORRELATED] if body.correlated else [_COMPUTED.format(", ".join(lost))] if lost else []
        known = {n: value for n, value in values.items() if n in demand.outputs}
        yield PartialRoute(grown.grown((), (), notes), known)

    every = frozenset(range(len(body.step.outputs)))
    yield from extended(walk(body.base, Demand(every, every), work), further)
    yield from extended(walk(step_alone(body), Demand(every, every), work), further)


def _from_first_change(body: Recursion, carried: frozenset[int], work: Work) -> Iterator[Partial]:
    """Routes from the first step that a change touched, by the columns that all further steps copy.

    The row before this step is in the CTE as it was, so this step may visit the CTE's current rows.
    """

    def carried_on(route: PartialRoute) -> Iterator[Partial]:
        values = converted(route.values) if body.distinct else route.values
        yield PartialRoute(route.fragment, values, route.outer)

    yield from extended(walk(body.base, Demand(carried, carried), work), carried_on)
    yield from extended(walk(body.step, Demand(carried, carried), work), carried_on)


def _back_from_first_change(body: Recursion, work: Work) -> Iterator[Partial]:
    """Routes from the first step that a change touched back to the outer row of a correlated recursion."""

    def of_base(route: PartialRoute) -> Iterator[Partial]:
        notes = [] if route.outer else [CORRELATED]
        yield PartialRoute(route.fragment.grown((), (), notes), {}, route.outer)

    def of_step(route: PartialRoute) -> Iterator[Partial]:
        return routes_to_outer_rows(body, route.fragment, route.values)

    before = row_before(body)
    every = frozenset(range(len(before.outputs)))
    yield from extended(walk(body.base, Demand(frozenset(), frozenset()), work), of_base)
    yield from extended(walk(before, Demand(every, every, frozenset()), work), of_step)


def _carried(body: Recursion, n: int) -> bool:
    """Whether each step copies this column of the row before."""
    output = body.step.outputs[n].unnest()
    itself = body.step.sources[body.itself]
    return isinstance(output, exp.Column) and output.table == itself.uid and output.name == itself.columns[n]


def _typed(source: Source, n: int, value: Value) -> Value:
    """The value of a column as the SELECT around uses it: COALESCE of bare NULLs would have the type text."""
    if WRITTEN in collations_of(value.tree):
        # Outside, a written collation overrides that of the column. Here it would not.
        return replace(value, tree=exp.Subquery(this=exp.Select(expressions=[value.tree.copy()])))
    if not is_null(value.tree) or isinstance(value.tree.unnest(), exp.Cast):
        return value
    type_ = type_of(source, source.columns[n])
    return replace(value, tree=exp.Null() if type_ is None else typed_null(type_))
