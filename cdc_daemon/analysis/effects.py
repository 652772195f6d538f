"""What a changed row of one source does to the rows of its SELECT."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sqlglot import exp

from cdc_daemon.analysis.cases import Case, cases
from cdc_daemon.analysis.dialect import Tree, column, render
from cdc_daemon.analysis.fragments import Fragment
from cdc_daemon.analysis.names import null_of
from cdc_daemon.analysis.ranks import settle
from cdc_daemon.analysis.reach import Reach, Value, substitute
from cdc_daemon.analysis.scopes import Conjunct, Given, Ref, Scope, Side, Source, refs_of
from cdc_daemon.analysis.siblings import again, partition_arms

Values: TypeAlias = Mapping[int, Value]
"""By position of the output: what a route yields for it."""

Finished: TypeAlias = tuple[Fragment, Values]
"""A route through the whole query."""

Continue: TypeAlias = Callable[[Fragment, Values, Sequence[Conjunct]], Iterator[Finished]]
"""Takes a route through a scope on to the query's end: the fragment, the outputs that it binds, and what it
knows of outer columns."""


LIMITED = "a LIMIT lets any row come or go with any other"
_WINDOW = "a window lets a row change every row of its partition"


@dataclass
class Plan:
    """What is settled once for a scope and the outputs wanted of it."""

    scope: Scope
    outputs: Mapping[int, Tree]
    open: Sequence[Conjunct]
    goals: Sequence[Tree]
    before: Mapping[str, frozenset[str]]
    siblings: Sequence[Mapping[str, frozenset[str]]]


def plan_of(scope: Scope, outputs: Mapping[int, Tree]) -> Plan:
    open_ = [q for q in scope.conjuncts if any(ref.source not in scope.sources for ref in q.refs)]
    plan = Plan(scope, outputs, open_, [], {}, [])
    opens = _open_goals(plan)
    plan.goals = [*outputs.values(), *opens]
    plan.before = settle(scope, plan.goals)
    plan.siblings = [settle(scope, [*keys, *opens]) for keys in scope.siblings]
    return plan


def _open_goals(plan: Plan) -> list[Tree]:
    return [tree for q in plan.open for tree in _inner_goals(plan.scope, q)]


def _inner_goals(scope: Scope, q: Conjunct) -> Iterator[Tree]:
    """What must be known of a condition's inner columns for it to be of use outside."""
    for side in q.sides or (Side(q.tree, q.refs, None),):
        inner = sorted(ref for ref in side.refs if ref.source in scope.sources)
        if side.column is not None and inner:
            yield column(*side.column)
        elif inner:
            yield exp.Tuple(expressions=[column(*ref) for ref in inner])


def effects(
    plan: Plan,
    source: Source,
    fragment: Fragment,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
    proceed: Continue,
) -> Iterator[Finished]:
    """Every route from a changed row of one source through its scope."""
    scope = plan.scope
    outputs, notes = _shared(plan)
    for case in cases(scope, source.uid, mentioned(outputs.values())):
        reach = reach_of(plan, case, source.uid, start, extra)
        found = values_of(reach, case, outputs)
        opened = list(_opened(plan, reach, case, extra))
        hops, conditions = reach.compiled([*found.values(), *(value for _, value in opened)], source.uid)
        yield from proceed(
            fragment.grown(hops, conditions, notes), _handed_on(scope, found), [q for q, _ in opened]
        )
    if scope.limited or scope.chained:
        return
    for keys, before in zip(scope.siblings, plan.siblings, strict=True):
        if _among(plan.outputs, keys).keys() == plan.outputs.keys():
            continue  # the whole partition has the values that were bound already
        own = Plan(scope, plan.outputs, plan.open, [*keys, *_open_goals(plan)], before, ())
        for case in cases(scope, source.uid, mentioned(keys)):
            reach = reach_of(own, case, source.uid, start, extra)
            found = values_of(reach, case, dict(enumerate(keys)))
            opened = list(_opened(own, reach, case, extra))
            hops, conditions = reach.compiled([*found.values(), *(value for _, value in opened)], source.uid)
            known = [(keys[n], value) for n, value in found.items()]
            grown = fragment.grown(hops, conditions, [_WINDOW])
            yield from _rest_of_partition(own, grown, known, [q for q, _ in opened], proceed)


def _rest_of_partition(
    plan: Plan,
    fragment: Fragment,
    known: Sequence[tuple[Tree, Value]],
    opened: Sequence[Conjunct],
    proceed: Continue,
) -> Iterator[Finished]:
    """The rows that share the partition keys of a changed row."""
    if not known:
        yield from proceed(fragment, {}, opened)
        return
    second = again(plan.scope)
    outputs = {n: second.outputs[n] for n in plan.outputs}
    rows = frozenset(uid for uid, source in second.sources.items() if not source.subquery)
    everything = Plan(second, outputs, (), list(outputs.values()), dict.fromkeys(second.sources, rows), ())
    for arm in partition_arms(plan.scope, second, known):
        for case in cases(second, None, mentioned(outputs.values())):
            reach = reach_of(everything, case, None, {}, arm.conjuncts)
            found = values_of(reach, case, outputs)
            hops, conditions = reach.compiled(list(found.values()), None)
            grown = fragment.grown(hops, (*arm.conditions, *conditions))
            yield from proceed(grown, _handed_on(second, found), opened)


def _handed_on(scope: Scope, found: Mapping[int, Value]) -> Values:
    """Values as the scope around sees them."""
    values = merged(found) if scope.grouped else found
    return {n: replace(value, hops=frozenset[str]()) for n, value in values.items()}


def mentioned(trees: Iterable[Tree]) -> frozenset[str]:
    return frozenset(ref.source for tree in trees for ref in refs_of(tree))


def _shared(plan: Plan) -> tuple[Mapping[int, Tree], Sequence[str]]:
    """The outputs to bind for the changed row that all it changes share, and why not all.

    A LIMIT or DISTINCT ON over windows can't be told apart into partitions; other windows are (`effects`).
    """
    scope = plan.scope
    if scope.limited:
        return {}, [LIMITED]
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


def reach_of(
    plan: Plan,
    case: Case,
    changed: str | None,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
) -> Reach:
    usable = [q for q in (*extra, *plan.scope.conjuncts) if case.holds(q)]
    allowed = plan.before[changed] if changed is not None else frozenset(plan.scope.sources)
    reach = Reach(plan.scope, usable, frozenset(uid for uid in allowed if case.visible(uid)), start)
    reach.bind([in_case(case, goal) for goal in plan.goals])
    return reach


def in_case(case: Case, tree: Tree) -> Tree:
    """An expression with NULL for the columns of sources that are all NULL."""
    nulls = case.nulls
    absent = [ref for ref in refs_of(tree) if ref.source in nulls]
    if not absent:
        return tree
    if isinstance(tree.unnest(), exp.Column):
        return exp.Null()
    return substitute(tree, {ref: null_of(case.scope.sources, column(*ref)) for ref in absent})


def values_of(reach: Reach, case: Case, outputs: Mapping[int, Tree]) -> dict[int, Value]:
    """What is known of some outputs, by position."""
    found: dict[int, Value] = {}
    for n, tree in outputs.items():
        if not case.tells(frozenset(ref.source for ref in refs_of(tree))):
            continue
        value = reach.value(in_case(case, tree))
        if value is not None:
            found[n] = value
    return found


def _opened(
    plan: Plan, reach: Reach, case: Case, extra: Sequence[Conjunct]
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
            plain = side.column if side.column in outer else None
            sides.append(Side(value.tree, outer, plain, given, value.type or side.type))
        else:
            tree = q.tree.copy()
            tree.set("this", sides[0].tree.copy())
            tree.set("expression", sides[1].tree.copy())
            hops = values[0].hops | values[1].hops
            yield (
                Conjunct(tree, q.refs - inner, (sides[0], sides[1]), given=True, strict=q.strict),
                Value(tree, hops=hops),
            )


def merged(values: Values) -> dict[int, Value]:
    """Values after rows were merged: another row's may stand for them, equal but not identical."""
    return {n: replace(value, exact=False, hops=frozenset[str]()) for n, value in values.items()}
