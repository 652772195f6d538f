"""Every way from a changed row of a table to the entity columns, scope by scope.

**Claim.** For a scope S and two states of the database: for every row of S that appears or disappears there
is a changed row of some table inside S whose route, evaluated over the *current* tables, yields that row's
values in all columns that the route binds.

**Why** (induction over scopes). A row of S derives from a tuple (s1 … sn) of rows of its sources; a subquery
in an expression counts as a source. If no source changed, the tuple and what it yields are the same in both
states. Else take the changed source of lowest rank. If it is a table, its changed row is in the delta, old or
new. If it is a query itself, a row of its result appeared or disappeared, and by induction a changed row
inside has a route to that row's values. From there the closure goes on over conditions that hold for the
tuple (`cases.py` says which do when a row is NULL-extended) and visits only sources of lower rank: these did
not change, so the current tables hold their rows as the tuple has them. Leaving out a condition, a visit or a
column names too many rows, never too few. GROUP BY and DISTINCT merge rows that agree on what is bound; a
window, DISTINCT ON or LIMIT lets a row change others of its partition, which have effects of their own
(`effects`).

An entity column is never NULL (a feed whose query yields one stops), so a route to NULL is no route.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from cdc_daemon.analysis.cases import Case, cases
from cdc_daemon.analysis.dialect import Tree, column, render
from cdc_daemon.analysis.fragments import DELTA, Fragment
from cdc_daemon.analysis.membership import membership_arms
from cdc_daemon.analysis.ranks import settle
from cdc_daemon.analysis.reach import Reach, Value, substitute
from cdc_daemon.analysis.scopes import Body, Conjunct, Given, Ref, Scope, SetOperation, Side, Source, refs_of
from cdc_daemon.analysis.siblings import again, partition_arms

Values: TypeAlias = Mapping[int, Value]
"""By position of the output: what a route yields for it."""

Continue: TypeAlias = Callable[[Fragment, Values, Sequence[Conjunct]], None]
"""Takes a route through a scope: the fragment, the outputs that it binds, and what it knows of outer
columns."""


_LIMITED = "a LIMIT lets any row come or go with any other"
_WINDOW = "a window lets a row change every row of its partition"


@dataclass
class _Plan:
    """What is settled once for a scope and the outputs wanted of it."""

    scope: Scope
    outputs: Mapping[int, Tree]
    open: Sequence[Conjunct]
    goals: Sequence[Tree]
    before: Mapping[str, frozenset[str]]
    siblings: Sequence[Mapping[str, frozenset[str]]]


def walk(body: Body, wanted: frozenset[int], proceed: Continue) -> None:
    """Hand every route from a changed row inside `body` to its wanted outputs to `proceed`."""
    if isinstance(body, SetOperation):
        _walk_arms(body, wanted, proceed)
        return
    plan = _plan(body, {n: body.outputs[n] for n in wanted if body.bindable[n]})
    for source in body.sources.values():
        if source.table is not None:
            start = {
                Ref(source.uid, visible): Value(column(DELTA, source.real[visible]))
                for visible in body.used[source.uid]
                if visible in source.real
            }
            _effects(plan, source, Fragment(source), start, (), proceed)
        elif source.body is not None:
            positions = frozenset(n for n, name in enumerate(source.columns) if name in body.used[source.uid])
            walk(source.body, positions, _from_inside(plan, source, proceed))


def _walk_arms(body: SetOperation, wanted: frozenset[int], proceed: Continue) -> None:
    def arm(fragment: Fragment, values: Values, open_: Sequence[Conjunct]) -> None:
        if body.limited:
            fragment, values = fragment.grown((), (), (_LIMITED,)), {}
        elif body.distinct:
            values = _merged(values)
        proceed(fragment, values, open_)

    for part in body.arms:
        walk(part, wanted, arm)


def _from_inside(plan: _Plan, source: Source, proceed: Continue) -> Continue:
    def go_on(fragment: Fragment, values: Values, open_: Sequence[Conjunct]) -> None:
        here = [_placed(q, source) for q in open_]
        start = {Ref(source.uid, source.columns[n]): value for n, value in values.items()}
        for arm in membership_arms(plan.scope, source, start):
            _effects(
                plan, source, fragment.grown((), arm.conditions), start, (*here, *arm.conjuncts), proceed
            )

    return go_on


def _placed(q: Conjunct, source: Source) -> Conjunct:
    """A condition that left a subquery or LATERAL, as one of the scope around it, at that source's place."""
    return Conjunct(
        q.tree,
        q.refs,
        q.sides,
        strict=q.strict,
        join=source.join,
        span=frozenset({source.uid}) | frozenset(ref.source for ref in q.refs),
        given=True,
    )


def _plan(scope: Scope, outputs: Mapping[int, Tree]) -> _Plan:
    open_ = [q for q in scope.conjuncts if any(ref.source not in scope.sources for ref in q.refs)]
    plan = _Plan(scope, outputs, open_, [], {}, [])
    opens = _open_goals(plan)
    plan.goals = [*outputs.values(), *opens]
    plan.before = settle(scope, plan.goals)
    plan.siblings = [settle(scope, [*keys, *opens]) for keys in scope.siblings]
    return plan


def _open_goals(plan: _Plan) -> list[Tree]:
    return [tree for q in plan.open for tree in _inner_goals(plan.scope, q)]


def _inner_goals(scope: Scope, q: Conjunct) -> Iterator[Tree]:
    """What must be known of a condition's inner columns for it to be of use outside."""
    for side in q.sides or (Side(q.tree, q.refs, None),):
        inner = sorted(ref for ref in side.refs if ref.source in scope.sources)
        if side.column is not None and inner:
            yield column(*side.column)
        elif inner:
            yield exp.Tuple(expressions=[column(*ref) for ref in inner])


def _effects(
    plan: _Plan,
    source: Source,
    fragment: Fragment,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
    proceed: Continue,
) -> None:
    """What a changed row of one source does to the rows of its scope."""
    scope = plan.scope
    outputs, notes = _shared(plan)
    for case in cases(scope, source.uid, _mentioned(outputs.values())):
        reach = _reach(plan, case, source.uid, start, extra)
        found = _values(reach, case, outputs)
        opened = list(_opened(plan, reach, case, extra))
        hops, conditions = reach.compiled([*found.values(), *(value for _, value in opened)], source.uid)
        proceed(fragment.grown(hops, conditions, notes), _handed_on(scope, found), [q for q, _ in opened])
    if scope.limited or scope.chained:
        return
    for keys, before in zip(scope.siblings, plan.siblings, strict=True):
        if _among(plan.outputs, keys).keys() == plan.outputs.keys():
            continue  # the whole partition has the values that were bound already
        own = _Plan(scope, plan.outputs, plan.open, [*keys, *_open_goals(plan)], before, ())
        for case in cases(scope, source.uid, _mentioned(keys)):
            reach = _reach(own, case, source.uid, start, extra)
            found = _values(reach, case, dict(enumerate(keys)))
            opened = list(_opened(own, reach, case, extra))
            hops, conditions = reach.compiled([*found.values(), *(value for _, value in opened)], source.uid)
            known = [(keys[n], value) for n, value in found.items()]
            grown = fragment.grown(hops, conditions, [_WINDOW])
            _rest_of_partition(own, grown, known, [q for q, _ in opened], proceed)


def _rest_of_partition(
    plan: _Plan,
    fragment: Fragment,
    known: Sequence[tuple[Tree, Value]],
    opened: Sequence[Conjunct],
    proceed: Continue,
) -> None:
    """The rows that share the partition keys of a changed row."""
    if not known:
        proceed(fragment, {}, opened)
        return
    second = again(plan.scope)
    outputs = {n: second.outputs[n] for n in plan.outputs}
    rows = frozenset(uid for uid, source in second.sources.items() if not source.subquery)
    everything = _Plan(second, outputs, (), list(outputs.values()), dict.fromkeys(second.sources, rows), ())
    for arm in partition_arms(plan.scope, second, known):
        for case in cases(second, None, _mentioned(outputs.values())):
            reach = _reach(everything, case, None, {}, arm.conjuncts)
            found = _values(reach, case, outputs)
            hops, conditions = reach.compiled(list(found.values()), None)
            grown = fragment.grown(hops, (*arm.conditions, *conditions))
            proceed(grown, _handed_on(second, found), opened)


def _handed_on(scope: Scope, found: Mapping[int, Value]) -> Values:
    """Values as the scope around sees them."""
    values = _merged(found) if scope.grouped else found
    return {n: Value(value.tree, value.exact, anchored=value.anchored) for n, value in values.items()}


def _mentioned(trees: Iterable[Tree]) -> frozenset[str]:
    return frozenset(ref.source for tree in trees for ref in refs_of(tree))


def _shared(plan: _Plan) -> tuple[Mapping[int, Tree], Sequence[str]]:
    """The outputs to bind for the changed row that all it changes share, and why not all.

    A LIMIT or DISTINCT ON over windows can't be told apart into partitions; other windows are (`_effects`).
    """
    scope = plan.scope
    if scope.limited:
        return {}, [_LIMITED]
    if not scope.chained:
        return plan.outputs, []
    shared = plan.outputs
    for keys in scope.siblings:
        shared = _among(shared, keys)
    return shared, [_WINDOW]


def _among(outputs: Mapping[int, Tree], keys: Sequence[Tree]) -> Mapping[int, Tree]:
    """The outputs that are partition keys."""
    rendered = {render(key.unnest()) for key in keys}
    return {n: tree for n, tree in outputs.items() if render(tree.unnest()) in rendered}


def _reach(
    plan: _Plan,
    case: Case,
    changed: str | None,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
) -> Reach:
    usable = [q for q in (*extra, *plan.scope.conjuncts) if case.holds(q)]
    allowed = plan.before[changed] if changed is not None else frozenset(plan.scope.sources)
    reach = Reach(plan.scope, usable, frozenset(uid for uid in allowed if case.visible(uid)), start)
    nulls = case.nulls
    reach.bind([goal for goal in plan.goals if not any(ref.source in nulls for ref in refs_of(goal))])
    return reach


def _values(reach: Reach, case: Case, outputs: Mapping[int, Tree]) -> dict[int, Value]:
    nulls = case.nulls
    found: dict[int, Value] = {}
    for n, tree in outputs.items():
        refs = refs_of(tree)
        if not case.tells(frozenset(ref.source for ref in refs)):
            continue
        absent = {ref: exp.Null() for ref in refs if ref.source in nulls}
        value = reach.value(substitute(tree, absent) if absent else tree)
        if value is not None:
            found[n] = value
    return found


def _opened(
    plan: _Plan, reach: Reach, case: Case, extra: Sequence[Conjunct]
) -> Iterator[tuple[Conjunct, Value]]:
    """Conditions on outer columns, with the inner ones replaced by values."""
    own = plan.scope.sources
    further = [q for q in extra if any(ref.source not in own for ref in q.refs)]
    for q in (*plan.open, *further):
        if not case.holds(q):
            continue
        inner = {ref for ref in q.refs if ref.source in own}
        if q.sides is None:
            value = reach.opened(q.tree, inner, plain=False)
            if value is not None:
                yield Conjunct(value.tree, q.refs - inner, given=True, strict=q.strict), value
            continue
        sides: list[Side] = []
        values: list[Value] = []
        for side in q.sides:
            mine = {ref for ref in side.refs if ref.source in own}
            value = reach.opened(side.tree, mine, plain=side.column is not None)
            if value is None:
                break
            values.append(value)
            outer = side.refs - mine
            given = (Given.EXACT if value.exact else Given.EQUAL) if mine or side.given else None
            sides.append(Side(value.tree, outer, side.column if side.column in outer else None, given))
        else:
            tree = q.tree.copy()
            tree.set("this", sides[0].tree.copy())
            tree.set("expression", sides[1].tree.copy())
            hops = values[0].hops | values[1].hops
            yield (
                Conjunct(tree, q.refs - inner, (sides[0], sides[1]), given=True, strict=q.strict),
                Value(tree, hops=hops),
            )


def _merged(values: Values) -> dict[int, Value]:
    """Values after rows were merged: another row's may stand for them, equal but not identical."""
    return {n: Value(value.tree, exact=False, anchored=value.anchored) for n, value in values.items()}
