"""What a changed row of one source does to the rows of its SELECT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from cdc_daemon.analysis.derive.chosen_row import chosen_rows
from cdc_daemon.analysis.derive.correlation import way_around
from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.join_path import Reach
from cdc_daemon.analysis.derive.null_extension import in_case, never, seen_in, told_apart
from cdc_daemon.analysis.derive.outer_join_states import Case, cases
from cdc_daemon.analysis.derive.partial_route import Alternatives, Partial, PartialRoute, Values, merged
from cdc_daemon.analysis.derive.partition_peers import partition_arms
from cdc_daemon.analysis.derive.route_builder import Fragment
from cdc_daemon.analysis.derive.scope_plan import (
    Plan,
    among,
    compiled,
    mentioned,
    open_goals,
    opened_by,
    reach_of,
    shared,
    values_of,
)
from cdc_daemon.analysis.model.collations import FOLDING, collations_of
from cdc_daemon.analysis.model.dialect import Tree, render
from cdc_daemon.analysis.model.scopes import Chosen, Conjunct, Ref, Scope, Source

TOO_MANY_JOINS = (
    "what the entity is made of stands beyond more outer joins than can be told apart (32 states): name "
    "columns of tables that are never missing in `entity`, or put some of the joins into a derived table"
)

_MOST_SPLITS = 3
"""So many conditions of a scope are told apart for one row; each multiplies the routes."""


def routes_of(
    plan: Plan,
    source: Source,
    fragment: Fragment,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
) -> Iterator[Partial]:
    """Every route from a changed row of one source to the rows of its scope."""
    scope = plan.scope
    outputs, notes = shared(scope, plan.outputs)
    for way in _followed(plan, source, outputs.values(), fragment, start, extra):
        case, reach = way.case, way.reach
        found = values_of(reach, case, outputs)
        opened = list(opened_by(way.plan, reach, case, way.extra))
        hops, conditions = compiled(
            way.plan, reach, case, [*found.values(), *(value for _, value in opened)], source.uid
        )
        told = [*notes, TOO_MANY_JOINS] if case.blind and len(found) < len(outputs) else notes
        route = PartialRoute(
            way.fragment.grown(hops, conditions, told), _handed_on(scope, found), [q for q, _ in opened]
        )
        around = (
            None
            if opened
            else way_around(way.plan, reach, case, source.uid, way.fragment.grown((), (), notes))
        )
        yield route if around is None else Alternatives((tuple(around), (route,)))
    if scope.limit is not None or scope.chained:
        return
    for keys, window, before in zip(scope.siblings, scope.windows, plan.siblings, strict=True):
        if among(plan.outputs, keys).keys() == plan.outputs.keys():
            continue  # the whole partition has the values that were bound already
        goals = [*keys, *open_goals(scope, plan.open)]
        own = Plan(scope, plan.outputs, plan.open, goals, goals, before, ())
        for way in _followed(own, source, keys, fragment, start, extra):
            found = values_of(way.reach, way.case, dict(enumerate(keys)))
            opened = list(opened_by(way.plan, way.reach, way.case, way.extra))
            hops, conditions = compiled(
                way.plan, way.reach, way.case, [*found.values(), *(value for _, value in opened)], source.uid
            )
            known = [(keys[n], value) for n, value in found.items()]
            grown = way.fragment.grown(hops, conditions, [window])
            yield from _rest_of_partition(own, plan.again, grown, known, [q for q, _ in opened])


@dataclass(frozen=True)
class _Way:
    """How far a changed row was followed through its scope.

    Attributes:
        plan: what may still be visited by it.
        extra: the conditions that it brought along, those of subqueries that it went through among them.
    """

    plan: Plan
    case: Case
    reach: Reach
    fragment: Fragment
    extra: Sequence[Conjunct]


def _followed(
    plan: Plan,
    source: Source,
    outputs: Iterable[Tree],
    fragment: Fragment,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
) -> list[_Way]:
    """What is reached in each case; told apart are more of them where a condition is of use only then."""

    def followed(asked: frozenset[str]) -> list[_Way]:
        every = (
            (case, list(seen_in(case))) for case in cases(plan.scope, source.uid, wanted, extra, asked=asked)
        )
        return [
            further
            for case, seen in every
            if not any(never(q.tree) for q in seen)
            for reach in _reaches(plan, case, source.uid, start, extra, seen)
            for further in _through_chosen(
                _Way(plan, case, reach, fragment, extra), source.uid, plan.scope.chosen
            )
        ]

    wanted = mentioned(outputs)
    found = followed(frozenset())
    least = min(map(_known, found), default=0)
    if not found or least == len(plan.goals):
        return found
    conditions = (*plan.scope.conjuncts, *(each.condition for each in plan.scope.chosen))
    asked = frozenset[str]().union(*(q.sources for q in conditions for way in found if way.case.undecided(q)))
    if not asked:
        return found
    apart = followed(asked)
    return apart if min(map(_known, apart), default=0) > least else found


def _through_chosen(way: _Way, changed: str, chosen: Sequence[Chosen]) -> list[_Way]:
    """A way taken on by conditions that compare with what a subquery chose; itself where they don't help."""
    if _known(way) == len(way.plan.goals):
        return [way]
    for each in chosen:
        rest = [other for other in chosen if other is not each]
        further: list[_Way] = []
        rows = chosen_rows(way.plan, way.reach, way.case, changed, way.fragment, each)
        for found in rows:
            before = {**way.plan.before, changed: way.plan.before[changed] - found.visited}
            plan = replace(way.plan, before=before)
            extra = [*way.extra, *found.brought]
            if not replace(way.case, states=dict(way.case.states)).settled(extra):
                continue  # no row of this case is chosen
            seen = [*seen_in(way.case), *found.seen]
            for reach in _reaches(plan, way.case, changed, found.start, extra, seen):
                taken = _Way(plan, way.case, reach, found.fragment, extra)
                further += _through_chosen(taken, changed, rest)
        if rows and all(_known(taken) > _known(way) for taken in further):
            return further
    return [way]


def _known(way: _Way) -> int:
    """How many goals are known."""
    return sum(way.reach.knows(in_case(way.case, goal)) for goal in way.plan.goals)


def _reaches(
    plan: Plan,
    case: Case,
    changed: str,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
    seen: Sequence[Conjunct],
    *,
    splits: int = _MOST_SPLITS,
) -> list[Reach]:
    """What is reached in a case; more than once where conditions told apart lead further, or spare reading a
    source whole."""
    whole = reach_of(plan, case, changed, start, extra, seen)
    goals = [in_case(case, tree) for tree in plan.goals]
    known = [goal for goal in goals if whole.knows(goal)]
    if splits == 0 or (len(known) == len(goals) and not whole.reads_whole()):
        return [whole]
    for q in seen:
        arms = told_apart(plan.scope, q) if whole.touches(q) else []
        rest = [other for other in seen if other is not q]
        found = [
            reach
            for arm in arms
            for reach in _reaches(plan, case, changed, start, extra, [*rest, *arm], splits=splits - 1)
        ]
        if not found:
            continue
        spared = not any(reach.reads_whole() for reach in found)
        if min(sum(map(reach.knows, goals)) for reach in found) > len(known) or (
            spared and all(reach.knows(goal) for goal in known for reach in found)
        ):
            return found
    return [whole]


def _rest_of_partition(
    plan: Plan,
    second: Scope,
    fragment: Fragment,
    known: Sequence[tuple[Tree, Value]],
    opened: Sequence[Conjunct],
) -> Iterator[PartialRoute]:
    """The rows that share the partition keys of a changed row."""
    if not known:
        yield PartialRoute(fragment, {}, opened)
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
            yield PartialRoute(grown, _handed_on(second, found), opened)


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
