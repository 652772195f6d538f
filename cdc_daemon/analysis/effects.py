"""What a changed row of one source does to the rows of its SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from cdc_daemon.analysis.beginnings import way_around
from cdc_daemon.analysis.cases import Case, cases
from cdc_daemon.analysis.collations import FOLDING, collations_of
from cdc_daemon.analysis.dialect import Tree, render
from cdc_daemon.analysis.following import (
    Continue,
    Finished,
    Plan,
    Values,
    among,
    compiled,
    least_bound,
    mentioned,
    merged,
    open_goals,
    opened_by,
    reach_of,
    shared,
    values_of,
)
from cdc_daemon.analysis.fragments import Fragment
from cdc_daemon.analysis.known import Value
from cdc_daemon.analysis.reach import Reach
from cdc_daemon.analysis.scopes import Conjunct, Ref, Scope, Source
from cdc_daemon.analysis.seen import in_case, seen_in, told_apart
from cdc_daemon.analysis.siblings import partition_arms

TOO_MANY_JOINS = (
    "what the entity is made of stands beyond more outer joins than can be told apart (32 states): name "
    "columns of tables that are never missing in `entity`, or put some of the joins into a derived table"
)


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
    outputs, notes = shared(scope, plan.outputs)
    for case, reach in _followed(plan, source, outputs.values(), start, extra):
        found = values_of(reach, case, outputs)
        opened = list(opened_by(plan, reach, case, extra))
        hops, conditions = compiled(
            plan, reach, case, [*found.values(), *(value for _, value in opened)], source.uid
        )
        told = [*notes, TOO_MANY_JOINS] if case.blind and len(found) < len(outputs) else notes
        routes = proceed(
            fragment.grown(hops, conditions, told), _handed_on(scope, found), [q for q, _ in opened]
        )
        way = None if opened else way_around(plan, reach, case, source.uid)
        if way is not None:
            either = list(routes), list(way(fragment.grown((), (), notes), proceed))
            yield from max(either, key=least_bound)
        else:
            yield from routes
    if scope.limit is not None or scope.chained:
        return
    for keys, window, before in zip(scope.siblings, scope.windows, plan.siblings, strict=True):
        if among(plan.outputs, keys).keys() == plan.outputs.keys():
            continue  # the whole partition has the values that were bound already
        goals = [*keys, *open_goals(scope, plan.open)]
        own = Plan(scope, plan.outputs, plan.open, goals, goals, before, ())
        for case, reach in _followed(own, source, keys, start, extra):
            found = values_of(reach, case, dict(enumerate(keys)))
            opened = list(opened_by(own, reach, case, extra))
            hops, conditions = compiled(
                own, reach, case, [*found.values(), *(value for _, value in opened)], source.uid
            )
            known = [(keys[n], value) for n, value in found.items()]
            grown = fragment.grown(hops, conditions, [window])
            yield from _rest_of_partition(own, plan.again, grown, known, [q for q, _ in opened], proceed)


def _followed(
    plan: Plan,
    source: Source,
    outputs: Iterable[Tree],
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
) -> list[tuple[Case, Reach]]:
    """What is reached in each case; told apart are more of them where a condition is of use only then."""

    def reached(asked: frozenset[str]) -> list[tuple[Case, Reach]]:
        return [
            (case, reach)
            for case in cases(plan.scope, source.uid, wanted, extra, asked=asked)
            for reach in _reaches(plan, case, source.uid, start, extra, list(seen_in(case)))
        ]

    def least(found: Sequence[tuple[Case, Reach]]) -> int:
        return min(
            (sum(reach.knows(in_case(case, goal)) for goal in plan.goals) for case, reach in found), default=0
        )

    wanted = mentioned(outputs)
    found = reached(frozenset())
    if not found or least(found) == len(plan.goals):
        return found
    asked = frozenset[str]().union(
        *(q.sources for q in plan.scope.conjuncts for case, _ in found if case.undecided(q))
    )
    if not asked:
        return found
    apart = reached(asked)
    return apart if least(apart) > least(found) else found


def _reaches(
    plan: Plan,
    case: Case,
    changed: str,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
    seen: Sequence[Conjunct],
) -> list[Reach]:
    """What is reached in a case; more than once where conditions told apart spare reading a source whole."""
    whole = reach_of(plan, case, changed, start, extra, seen)
    if not whole.reads_whole():
        return [whole]
    goals = [goal for tree in plan.goals if whole.knows(goal := in_case(case, tree))]
    for q in seen:
        rest = [other for other in seen if other is not q]
        arms = [
            _reaches(plan, case, changed, start, extra, [*rest, *arm]) for arm in told_apart(plan.scope, q)
        ]
        found = [reach for arm in arms for reach in arm]
        if found and all(reach.knows(goal) and not reach.reads_whole() for goal in goals for reach in found):
            return found
    return [whole]


def _rest_of_partition(
    plan: Plan,
    second: Scope,
    fragment: Fragment,
    known: Sequence[tuple[Tree, Value]],
    opened: Sequence[Conjunct],
    proceed: Continue,
) -> Iterator[Finished]:
    """The rows that share the partition keys of a changed row."""
    if not known:
        yield from proceed(fragment, {}, opened)
        return
    outputs = {n: second.outputs[n] for n in plan.outputs}
    rows = frozenset(uid for uid, source in second.sources.items() if not source.subquery)
    goals = list(outputs.values())
    everything = Plan(second, outputs, (), goals, goals, dict.fromkeys(second.sources, rows), ())
    arms = partition_arms(plan.scope, second, known)
    if len(arms) > 1 and not set(fragment.guards).isdisjoint(arms[-1].conditions):
        del arms[0]  # the key is known to be NULL, and equal to nothing
    for arm in arms:
        for case in cases(second, None, mentioned(outputs.values()), arm.conjuncts):
            reach = reach_of(everything, case, None, {}, arm.conjuncts, list(seen_in(case)))
            found = values_of(reach, case, outputs)
            hops, conditions = compiled(everything, reach, case, list(found.values()), None)
            grown = fragment.guarded(arm.conditions).grown(hops, conditions)
            yield from proceed(grown, _handed_on(second, found), opened)


def _handed_on(scope: Scope, found: Mapping[int, Value]) -> Values:
    """Values as the scope around sees them."""
    values = merged(_of_each_row(scope, found)) if scope.grouped else found
    return {n: replace(value, hops=frozenset[str]()) for n, value in values.items()}


def _of_each_row(scope: Scope, found: Mapping[int, Value]) -> Values:
    """Values that every row of a group has; not those made of one whose rows its collation calls equal."""
    group = scope.select.args.get("group") if scope.select is not None else None
    if group is None:
        return found
    keys = {render(key.unnest()) for key in group.expressions}
    return {
        n: value
        for n, value in found.items()
        if isinstance(scope.outputs[n].unnest(), exp.Column)
        or FOLDING not in collations_of(scope.outputs[n])
        or render(scope.outputs[n].unnest()) in keys
    }
