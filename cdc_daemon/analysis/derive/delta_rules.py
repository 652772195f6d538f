"""Routes from a changed row of one source to the rows of its SELECT, and to other rows of its partitions.

For each state of the outer joins the row is followed along a join path. A window or DISTINCT ON then lets it
change further rows; these are found by the partition key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from cdc_daemon.analysis.derive.chosen_row import chosen_rows
from cdc_daemon.analysis.derive.correlation import routes_through_correlated
from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.join_path import JoinPath
from cdc_daemon.analysis.derive.null_extension import (
    never,
    null_extended,
    null_extended_conditions,
    split_condition,
)
from cdc_daemon.analysis.derive.outer_join_states import JoinState, join_states
from cdc_daemon.analysis.derive.partial_route import Alternatives, Partial, PartialRoute, Values, merged
from cdc_daemon.analysis.derive.partition_peers import partition_branches
from cdc_daemon.analysis.derive.route_builder import Fragment
from cdc_daemon.analysis.derive.scope_plan import (
    Plan,
    compiled,
    mentioned,
    outer_conditions,
    outer_goals,
    outputs_that_are_keys,
    path_of,
    shared,
    values_of,
)
from cdc_daemon.analysis.model.collations import FOLDING, collations_of
from cdc_daemon.analysis.model.dialect import Tree, render
from cdc_daemon.analysis.model.scopes import Conjunct, Ref, Scope, Source, SubqueryEquality

TOO_MANY_JOINS = (
    "what the entity is made of stands beyond more outer joins than can be told apart (32 states): name "
    "columns of tables that are never missing in `entity`, or put some of the joins into a derived table"
)

_MOST_SPLITS = 3
"""Most conditions that are split for one row. Each split multiplies the routes."""


def routes_of(
    plan: Plan,
    source: Source,
    fragment: Fragment,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
) -> Iterator[Partial]:
    """Yield every route from a changed row of a source to the rows of its SELECT.

    Args:
        plan: the plan of the SELECT.
        source: the source of the row.
        fragment: the route to the row so far.
        start: the columns of the source that the route knows.
        extra: conditions that the row brings along: those of a subquery or LATERAL on the row around it.
    """
    scope = plan.scope
    outputs, notes = shared(scope, plan.outputs)
    for progress in _followed(plan, source, outputs.values(), fragment, start, extra):
        state, path = progress.state, progress.path
        found = values_of(path, state, outputs)
        opened = list(outer_conditions(progress.plan, path, state, progress.extra))
        hops, conditions = compiled(
            progress.plan, path, state, [*found.values(), *(value for _, value in opened)], source.uid
        )
        told = [*notes, TOO_MANY_JOINS] if state.undecidable and len(found) < len(outputs) else notes
        route = PartialRoute(
            progress.fragment.grown(hops, conditions, told), _handed_on(scope, found), [q for q, _ in opened]
        )
        around = (
            None
            if opened
            else routes_through_correlated(
                progress.plan, path, state, source.uid, progress.fragment.grown((), (), notes)
            )
        )
        yield route if around is None else Alternatives((tuple(around), (route,)))
    if scope.limit is not None or scope.distinct_on_after_windows:
        return
    for keys, window, before in zip(scope.partitions, scope.windows, plan.partitions, strict=True):
        if outputs_that_are_keys(plan.outputs, keys).keys() == plan.outputs.keys():
            continue  # every row of the partition has the bound values
        goals = [*keys, *outer_goals(scope, plan.open)]
        own = Plan(scope, plan.outputs, plan.open, goals, goals, before, ())
        for progress in _followed(own, source, keys, fragment, start, extra):
            found = values_of(progress.path, progress.state, dict(enumerate(keys)))
            opened = list(outer_conditions(progress.plan, progress.path, progress.state, progress.extra))
            hops, conditions = compiled(
                progress.plan,
                progress.path,
                progress.state,
                [*found.values(), *(value for _, value in opened)],
                source.uid,
            )
            known = [(keys[n], value) for n, value in found.items()]
            grown = progress.fragment.grown(hops, conditions, [window])
            yield from _rest_of_partition(own, plan.second_instance, grown, known, [q for q, _ in opened])


@dataclass(frozen=True)
class _Progress:
    """How far a changed row was followed in one state of the outer joins.

    Attributes:
        plan: the plan; its `before` shrinks by the sources that were visited already.
        extra: the conditions that the row brings along, and those of subqueries on the way.
    """

    plan: Plan
    state: JoinState
    path: JoinPath
    fragment: Fragment
    extra: Sequence[Conjunct]


def _followed(
    plan: Plan,
    source: Source,
    outputs: Iterable[Tree],
    fragment: Fragment,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
) -> list[_Progress]:
    """Follow a changed row in each state of the outer joins.

    More states are distinguished only if a condition then leads to more goals.
    """

    def followed(asked: frozenset[str]) -> list[_Progress]:
        every = (
            (state, list(null_extended_conditions(state)))
            for state in join_states(plan.scope, source.uid, sources, extra, asked=asked)
        )
        return [
            further
            for state, holding in every
            if not any(never(q.tree) for q in holding)
            for path in _paths(plan, state, source.uid, start, extra, holding)
            for further in _through_subquery_equality(
                _Progress(plan, state, path, fragment, extra), source.uid, plan.scope.subquery_equalities
            )
        ]

    sources = mentioned(outputs)
    found = followed(frozenset())
    least = min(map(_known, found), default=0)
    if not found or least == len(plan.goals):
        return found
    conditions = (*plan.scope.conjuncts, *(each.condition for each in plan.scope.subquery_equalities))
    asked = frozenset[str]().union(
        *(q.sources for q in conditions for progress in found if progress.state.undecided(q))
    )
    if not asked:
        return found
    apart = followed(asked)
    return apart if min(map(_known, apart), default=0) > least else found


def _through_subquery_equality(
    progress: _Progress, changed: str, chosen: Sequence[SubqueryEquality]
) -> list[_Progress]:
    """Follow a row through conditions that compare with a chosen value; itself where they don't lead
    further.
    """
    if _known(progress) == len(progress.plan.goals):
        return [progress]
    for each in chosen:
        rest = [other for other in chosen if other is not each]
        further: list[_Progress] = []
        rows = chosen_rows(progress.plan, progress.path, progress.state, changed, progress.fragment, each)
        for found in rows:
            before = {**progress.plan.before, changed: progress.plan.before[changed] - found.visited}
            plan = replace(progress.plan, before=before)
            extra = [*progress.extra, *found.outer]
            if not replace(progress.state, by_join=dict(progress.state.by_join)).infer_matches(extra):
                continue  # no row in this state is chosen
            holding = [*null_extended_conditions(progress.state), *found.holding]
            for path in _paths(plan, progress.state, changed, found.start, extra, holding):
                taken = _Progress(plan, progress.state, path, found.fragment, extra)
                further += _through_subquery_equality(taken, changed, rest)
        if rows and all(_known(taken) > _known(progress) for taken in further):
            return further
    return [progress]


def _known(progress: _Progress) -> int:
    """Count the goals that are known."""
    return sum(progress.path.knows(null_extended(progress.state, goal)) for goal in progress.plan.goals)


def _paths(
    plan: Plan,
    state: JoinState,
    changed: str,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
    holding: Sequence[Conjunct],
    *,
    splits: int = _MOST_SPLITS,
) -> list[JoinPath]:
    """The join paths of a row in one state.

    There are several if a split condition leads to more goals, or avoids a full scan.
    """
    whole = path_of(plan, state, changed, start, extra, holding)
    goals = [null_extended(state, tree) for tree in plan.goals]
    known = [goal for goal in goals if whole.knows(goal)]
    if splits == 0 or (len(known) == len(goals) and not whole.reads_whole()):
        return [whole]
    for q in holding:
        branches = split_condition(plan.scope, q) if whole.touches(q) else []
        rest = [other for other in holding if other is not q]
        found = [
            path
            for branch in branches
            for path in _paths(plan, state, changed, start, extra, [*rest, *branch], splits=splits - 1)
        ]
        if not found:
            continue
        spared = not any(path.reads_whole() for path in found)
        if min(sum(map(path.knows, goals)) for path in found) > len(known) or (
            spared and all(path.knows(goal) for goal in known for path in found)
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
    """Yield routes to the rows with the partition key of a changed row."""
    if not known:
        yield PartialRoute(fragment, {}, opened)
        return
    outputs = {n: second.outputs[n] for n in plan.outputs}
    rows = frozenset(uid for uid, source in second.sources.items() if not source.subquery)
    goals = list(outputs.values())
    everything = Plan(second, outputs, (), goals, goals, dict.fromkeys(second.sources, rows), ())
    branches = partition_branches(plan.scope, second, known)
    if len(branches) > 1 and not set(fragment.guards).isdisjoint(branches[-1].conditions):
        del branches[0]  # the key is NULL, which equals nothing
    for branch in branches:
        for state in join_states(second, None, mentioned(outputs.values()), branch.conjuncts):
            path = path_of(
                everything, state, None, {}, branch.conjuncts, list(null_extended_conditions(state))
            )
            found = values_of(path, state, outputs)
            hops, conditions = compiled(everything, path, state, list(found.values()), None)
            grown = fragment.guarded(branch.conditions).grown(hops, conditions)
            yield PartialRoute(grown, _handed_on(second, found), opened)


def _handed_on(scope: Scope, found: Mapping[int, Value]) -> Values:
    """Values as the query around may use them."""
    values = merged(_of_each_row(scope, found)) if scope.grouped else found
    return {n: replace(value, hops=frozenset[str]()) for n, value in values.items()}


def _of_each_row(scope: Scope, found: Mapping[int, Value]) -> Values:
    """Leave out expressions of grouping keys that differ between rows whose keys the collation calls
    equal.
    """
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
