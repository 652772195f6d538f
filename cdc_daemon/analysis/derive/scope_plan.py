"""The plan of one SELECT: which outputs lead to the entity, and which sources a changed row may visit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.join_path import Hop, JoinPath
from cdc_daemon.analysis.derive.null_extension import given_conditions, null_extended
from cdc_daemon.analysis.derive.outer_join_states import MATCHED, JoinState
from cdc_daemon.analysis.derive.partition_peers import second_instance
from cdc_daemon.analysis.derive.source_order import rank_sources
from cdc_daemon.analysis.model.dialect import Tree, column, render
from cdc_daemon.analysis.model.scopes import (
    WHOLE_ROW,
    Conjunct,
    Identity,
    Membership,
    Note,
    Ref,
    Scope,
    Side,
    Source,
    refs_of,
)

_OUTER = "$outer"


@dataclass(frozen=True)
class Demand:
    """What the queries around need of a query.

    Attributes:
        outputs: the positions of the outputs that they refer to.
        leading: the outputs that lead to the entity. The others only end up in the document.
        outer: the columns of queries around that lead to the entity; None if any of them may.
    """

    outputs: frozenset[int]
    leading: frozenset[int]
    outer: frozenset[Ref] | None = None


@dataclass
class Plan:
    """What is the same for every changed row of a SELECT.

    Attributes:
        outputs: the demanded outputs that one row's values yield, by position.
        open: the conditions on outer columns.
        goals: the expressions that lead to the entity.
        others: the expressions to look for if a goal can't be reached.
        before: for each source, the sources that its changed rows may visit on the way to the goals.
        partitions: the same for the way to the keys of each partition.
    """

    scope: Scope
    outputs: Mapping[int, Tree]
    open: Sequence[Conjunct]
    goals: Sequence[Tree]
    others: Sequence[Tree]
    before: Mapping[str, frozenset[str]]
    partitions: Sequence[Mapping[str, frozenset[str]]]

    @cached_property
    def second_instance(self) -> Scope:
        """The SELECT with new aliases, for the rows of a partition that did not change themselves."""
        return second_instance(self.scope)


def plan_of(scope: Scope, demand: Demand) -> Plan:
    """Choose the goals of a SELECT and rank its sources."""
    outputs = {n: scope.outputs[n] for n in sorted(demand.outputs) if scope.bindable[n]}
    open_ = [q for q in scope.conjuncts if any(ref.source not in scope.sources for ref in q.refs)]
    leading = [q for q in open_ if demand.outer is None or q.refs & demand.outer]
    bound, _ = shared(scope, outputs)
    goals = [
        *(tree for n, tree in bound.items() if n in demand.leading),
        *outer_goals(scope, leading),
    ]
    every = [*bound.values(), *outer_goals(scope, open_)]
    beside = [tree for source in scope.sources.values() for tree in compared_with(scope, source).values()]
    before = rank_sources(scope, goals or beside or every)
    goals = goals or every
    return Plan(
        scope,
        outputs,
        open_,
        goals,
        every,
        before,
        [rank_sources(scope, [*keys, *outer_goals(scope, leading)]) for keys in scope.partitions],
    )


def outer_goals(scope: Scope, open_: Sequence[Conjunct]) -> list[Tree]:
    """The inner columns that must be known before conditions on outer columns can be passed on."""
    return [tree for q in open_ for tree in _inner_goals(scope, q)]


def _inner_goals(scope: Scope, q: Conjunct) -> Iterator[Tree]:
    """The inner columns of one condition, as a tuple where their own values are needed."""
    for side in q.sides or (Side(q.tree, q.refs, None),):
        inner = sorted(ref for ref in side.refs if ref.source in scope.sources)
        if inner and (side.column is not None or q.by_equality):
            yield column(*inner[0])
        elif inner:
            yield exp.Tuple(expressions=[column(*ref) for ref in inner])


def compared_with(scope: Scope, source: Source) -> Mapping[int, Tree]:
    """The columns of a correlated query in FROM that the SELECT compares, by position.

    A LATERAL or subquery next to it compares them inside, so the columns that it refers to count as well.
    """
    if not scope.correlated(source):
        return {}
    sides = [side.column for q in scope.conjuncts for side in q.sides or ()]
    named = [*sides, *(ref for other in scope.sources.values() for ref in sorted(other.outer))]
    return {
        source.columns.index(ref.column): column(*ref)
        for ref in dict.fromkeys(named)
        if ref is not None and ref.source == source.uid and ref.column != WHOLE_ROW
    }


def demand_of(plan: Plan, source: Source) -> Demand:
    """What a SELECT needs of a query inside it: the columns that it refers to, and which of them lead to a
    goal.
    """
    scope = plan.scope
    outputs = frozenset(n for n, name in enumerate(source.columns) if name in scope.used[source.uid])
    given = {f"{ref.source}.{ref.column}": ref for ref in source.outer if ref.source in scope.sources}
    usable = [*scope.conjuncts, *(_equal_to(ref, column(_OUTER, name)) for name, ref in given.items())]
    names = () if source.subquery else scope.used[source.uid]
    start = {Ref(source.uid, name): Value(column(source.uid, name)) for name in names}
    path = JoinPath(scope, usable, plan.before[source.uid], start)
    path.bind(plan.goals)
    leads = path.leads(plan.goals)
    leading = frozenset(n for n in outputs if Ref(source.uid, source.columns[n]) in leads)
    if source.membership is not Membership.NONE:
        leading = outputs
    outer = frozenset(given[ref.column] for ref in leads if ref.source == _OUTER)
    if not leading and not outer:
        return Demand(outputs, frozenset() if scope.correlated(source) else outputs)
    return Demand(outputs, leading, outer)


def _equal_to(ref: Ref, value: Tree) -> Conjunct:
    """The condition that a column equals a known value."""
    at = column(*ref)
    sides = Side(at, frozenset({ref}), ref), Side(value, frozenset(), None, Identity.IDENTICAL)
    return Conjunct(exp.EQ(this=at, expression=value), frozenset({ref}), sides, given=True)


def mentioned(trees: Iterable[Tree]) -> frozenset[str]:
    """The sources to which some expressions refer."""
    return frozenset(ref.source for tree in trees for ref in refs_of(tree))


def shared(scope: Scope, outputs: Mapping[int, Tree]) -> tuple[Mapping[int, Tree], Sequence[Note]]:
    """The outputs that are the same in all rows that one change affects, and the constructs that exclude
    others.

    A LIMIT, or DISTINCT ON over windows, can't be followed partition by partition. Other windows can
    (`delta_rules`).
    """
    if scope.limit is not None:
        return {}, [scope.limit]
    if not scope.distinct_on_after_windows:
        return outputs, []
    common = outputs
    for keys in scope.partitions:
        common = outputs_that_are_keys(common, keys)
    return common, scope.windows


def outputs_that_are_keys(outputs: Mapping[int, Tree], keys: Sequence[Tree]) -> Mapping[int, Tree]:
    """The outputs that are partition keys."""
    rendered = {render(key.unnest()) for key in keys}
    return {n: tree for n, tree in outputs.items() if render(tree.unnest()) in rendered}


def path_of(
    plan: Plan,
    state: JoinState,
    changed: str | None,
    start: Mapping[Ref, Value],
    extra: Sequence[Conjunct],
    holding: Sequence[Conjunct],
) -> JoinPath:
    """Find the join path of a changed row in one state of the outer joins, the goals first.

    Args:
        changed: the source of the row; None for rows that did not change themselves.
        start: the columns that the route knows.
        extra: conditions that the row brings along.
        holding: the conditions of the SELECT that hold in this state, evaluated on the NULL-extended row.
    """
    usable = [q for q in given_conditions(state, extra) if state.holds(q)]
    usable += holding
    visitable = frozenset(uid for uid in allowed_of(plan, changed) if state.visible(uid))
    path = JoinPath(plan.scope, usable, visitable, start)
    goals = [null_extended(state, goal) for goal in plan.goals]
    path.bind(goals)
    if not all(path.knows(goal) for goal in goals):
        path.bind([null_extended(state, goal) for goal in plan.others])
    return path


def compiled(
    plan: Plan, path: JoinPath, state: JoinState, values: Sequence[Value], changed: str | None
) -> tuple[list[Hop], list[Tree]]:
    """The visits that some values need, and the conditions on them.

    A row that no condition leads to is one without a match in an outer join. For such a row the route checks
    that the other side has no match, if the other side did not change.
    """
    hops, conditions = path.compiled(values, changed)
    for join, side in state.by_join.items() if path.roaming else ():
        if side == MATCHED or changed in join.sides[side]:
            continue
        source, *others = (each for uid, each in plan.scope.sources.items() if uid in join.sides[side])
        if others:  # a subquery in the ON counts as a source
            continue
        if source.uid in allowed_of(plan, changed) and not source.outer:
            on = [q for q in plan.scope.conjuncts if q.join is join and not q.implied]
            unmatched = path.unmatched(source, on, values)
            conditions += [] if unmatched is None else [unmatched]
    return hops, conditions


def allowed_of(plan: Plan, changed: str | None) -> frozenset[str]:
    """The sources that a changed source may visit; all of them if no source changed."""
    return plan.before[changed] if changed is not None else frozenset(plan.scope.sources)


def values_of(path: JoinPath, state: JoinState, outputs: Mapping[int, Tree]) -> dict[int, Value]:
    """The values of the outputs that are known, by position."""
    found: dict[int, Value] = {}
    for n, tree in outputs.items():
        if not state.has_one_meaning(frozenset(ref.source for ref in refs_of(tree))):
            continue
        value = path.value(null_extended(state, tree))
        if value is not None:
            found[n] = value
    return found


def outer_conditions(
    plan: Plan, path: JoinPath, state: JoinState, extra: Sequence[Conjunct]
) -> Iterator[tuple[Conjunct, Value]]:
    """Yield the conditions on outer columns with the inner columns replaced by known values.

    Each comes with a value that holds the visits that it needs.
    """
    own = plan.scope.sources
    further = [q for q in given_conditions(state, extra) if any(ref.source not in own for ref in q.refs)]
    for q in (*plan.open, *further):
        if not state.holds(q):
            continue
        inner = {ref for ref in q.refs if ref.source in own}
        if q.sides is None:
            value = path.opened(q.tree, inner, plain=q.by_equality)
            if value is not None:
                yield Conjunct(value.tree, q.refs - inner, given=True, strict=q.strict), value
            continue
        sides: list[Side] = []
        values: list[Value] = []
        for side in q.sides:
            mine = {ref for ref in side.refs if ref.source in own}
            value = path.opened(side.tree, mine, plain=side.column is not None)
            if value is None:
                break
            values.append(value)
            outer = side.refs - mine
            given = (Identity.IDENTICAL if value.exact else Identity.EQUAL) if mine or side.given else None
            plain = side.column if side.column in outer else None
            sides.append(Side(value.tree, outer, plain, given, value.type or side.type))
        else:
            tree = q.tree.copy()
            tree.set("this", sides[0].tree.copy())
            tree.set("expression", sides[1].tree.copy())
            hops = values[0].hops | values[1].hops
            yield (
                Conjunct(
                    tree,
                    q.refs - inner,
                    (sides[0], sides[1]),
                    given=True,
                    strict=q.strict,
                    carries=q.carries,
                ),
                Value(tree, hops=hops),
            )


def placed(q: Conjunct, source: Source) -> Conjunct:
    """A condition that left a subquery or LATERAL, as a condition of the SELECT around it."""
    return Conjunct(
        q.tree,
        q.refs,
        q.sides,
        strict=q.strict,
        join=source.join,
        span=frozenset({source.uid}) | frozenset(ref.source for ref in q.refs),
        given=True,
        carries=q.carries,
    )
