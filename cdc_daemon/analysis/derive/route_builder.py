"""A growing route as SQL: the delta, the visited sources, and the conditions between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import aliases
from cdc_daemon.analysis.derive.join_path import Hop
from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.dialect import Tree, column, quoted, render
from cdc_daemon.analysis.model.plan import Visit
from cdc_daemon.analysis.model.scopes import Note, Source
from cdc_daemon.analysis.read.nullability import equal_or_both_null

DELTA = "delta"
_AFFECTED = "affected"


@dataclass(frozen=True)
class ClosureStep:
    """One step of a closure: from one row to the next rows.

    Attributes:
        outputs: the expressions of the next row, by the closure's column.
    """

    hops: tuple[Hop, ...]
    conditions: tuple[Tree, ...]
    outputs: Mapping[str, Tree]

    def narrowed(self, columns: frozenset[str]) -> ClosureStep:
        """Keep only some columns, and the visits that they need."""
        outputs = {name: tree for name, tree in self.outputs.items() if name in columns}
        hops, conditions = _needed(self.hops, self.conditions, outputs.values())
        return ClosureStep(hops, conditions, outputs)


@dataclass(frozen=True)
class Closure:
    """Rows, and the rows that derive from them step by step: a recursive CTE in the route.

    Attributes:
        alias: its alias in the rest of the route.
        itself: the alias of the row before in its steps.
        seed, columns: the first rows.
        steps: one for each state of a step's outer joins.
    """

    alias: str
    itself: str
    seed: Fragment
    columns: Mapping[str, Tree]
    steps: tuple[ClosureStep, ...]

    def narrowed(self, columns: frozenset[str]) -> Closure:
        """Keep only some columns, and those that the steps need."""
        kept = columns or frozenset(self.columns)
        while True:
            steps = tuple(step.narrowed(kept) for step in self.steps)
            trees = [
                tree
                for step in steps
                for tree in (*step.outputs.values(), *step.conditions, *(hop.item for hop in step.hops))
            ]
            more = kept | {name for tree in trees for name in _columns_of(tree, self.itself)}
            if more == kept:
                break
            kept = more
        seeds = {name: tree for name, tree in self.columns.items() if name in kept}
        return Closure(self.alias, self.itself, self.seed.pruned(seeds.values()), seeds, steps)


@dataclass(frozen=True)
class Fragment:
    """The FROM and WHERE of a route.

    Attributes:
        source: the table whose row changed.
        closure: what the route reads instead of the delta, after it went through a recursive CTE.
        hops: the visits, in order.
        conditions: conditions that may be left out if nothing needs their visits.
        guards: conditions that are never left out: without them every change would take this route.
        notes: the reasons why an output could not be bound.
    """

    source: Source
    closure: Closure | None = None
    hops: tuple[Hop, ...] = ()
    conditions: tuple[Tree, ...] = ()
    guards: tuple[Tree, ...] = ()
    notes: tuple[Note, ...] = ()

    def guarded(self, guards: Iterable[Tree]) -> Fragment:
        """Add guards."""
        return replace(self, guards=(*self.guards, *guards))

    def grown(self, hops: Iterable[Hop], conditions: Iterable[Tree], notes: Iterable[Note] = ()) -> Fragment:
        """Add visits, conditions and notes."""
        return replace(
            self,
            hops=(*self.hops, *hops),
            conditions=(*self.conditions, *conditions),
            notes=tuple(dict.fromkeys((*self.notes, *notes))),
        )

    def pruned(self, bound: Iterable[Tree]) -> Fragment:
        """Leave out visits that nothing needs: they only narrow the route, and cost time.

        Args:
            bound: the expressions of the route's SELECT list.
        """
        bound = [*bound, *self.guards]
        hops, conditions = _needed(self.hops, self.conditions, bound)
        closure = self.closure
        if closure is not None:
            trees = (*bound, *conditions, *(hop.item for hop in hops))
            names = {name for tree in trees for name in _columns_of(tree, closure.alias)}
            closure = closure.narrowed(frozenset(names))
        return replace(self, closure=closure, hops=hops, conditions=conditions)


def _needed(
    hops: Sequence[Hop], conditions: Sequence[Tree], bound: Iterable[Tree]
) -> tuple[tuple[Hop, ...], tuple[Tree, ...]]:
    needed: set[str] = set()
    waiting = [alias for tree in bound for alias in aliases(tree)]
    needs = {hop.uid: hop.needs for hop in hops}
    while waiting:
        alias = waiting.pop()
        if alias not in needed:
            needed.add(alias)
            waiting += needs.get(alias, ())
    visited = {hop.uid for hop in hops}
    return (
        tuple(hop for hop in hops if hop.uid in needed),
        tuple(condition for condition in conditions if not (aliases(condition) & visited) - needed),
    )


def _columns_of(tree: Tree, alias: str) -> Iterator[str]:
    return (node.name for node in tree.find_all(exp.Column) if node.table == alias)


@dataclass(frozen=True)
class Statement:
    """A finished route as SQL, with the parts by which routes are compared.

    Attributes:
        links: the columns of the delta that it reads.
        outputs: its SELECT list.
        visits: the tables that it looks up, and by which columns.
    """

    sql: str
    links: frozenset[str]
    outputs: tuple[str, ...]
    visits: tuple[Visit, ...]
    fragment: Fragment

    @property
    def direct(self) -> bool:
        """Whether the route reads nothing but the delta."""
        return not self.fragment.hops and self.fragment.closure is None

    @property
    def unconditional(self) -> bool:
        """Whether the route yields the same rows for every change."""
        fragment = self.fragment
        visited = {hop.uid for hop in fragment.hops}
        conditions = (*fragment.conditions, *fragment.guards)
        return bool(visited) and not self.links and not any(aliases(each) & visited for each in conditions)

    @property
    def opaque(self) -> bool:
        """Whether the route reads anything but plain tables, or goes through a recursion."""
        return self.fragment.closure is not None or not all(map(_is_table, self.fragment.hops))

    @cached_property
    def hops(self) -> frozenset[str]:
        """The visits, as SQL."""
        closure = self.fragment.closure
        hops = frozenset(render(hop.item) for hop in self.fragment.hops)
        return hops if closure is None else hops | {render(_closure(closure))}

    @cached_property
    def conditions(self) -> frozenset[str]:
        """The conditions, as SQL."""
        return frozenset(map(render, (*self.fragment.conditions, *self.fragment.guards)))

    def includes(self, other: Statement) -> bool:
        """Whether this route yields every row of `other`: it is the same with fewer conditions."""
        return (
            self.outputs == other.outputs and self.hops <= other.hops and self.conditions <= other.conditions
        )


def statement(fragment: Fragment, bound: Mapping[str, Tree]) -> Statement:
    """The SELECT of a route from `delta`.

    Args:
        bound: the expression of each entity column that the route knows, by name.
    """
    fragment = fragment.pruned(bound.values())
    select = _select(fragment, bound)
    return Statement(
        sql=render(select, pretty=True),
        links=frozenset(_columns_of(select, DELTA)),
        outputs=tuple(render(tree) for tree in bound.values()),
        visits=tuple(dict.fromkeys(_visits(fragment))),
        fragment=fragment,
    )


def _select(fragment: Fragment, bound: Mapping[str, Tree]) -> exp.Select:
    if fragment.closure is None:
        start: Tree = exp.Table(this=quoted(DELTA))
        known = DELTA
    else:
        start, known = _closure(fragment.closure), fragment.closure.alias
    return _joined(start, known, fragment.hops, (*fragment.conditions, *fragment.guards), bound)


def _joined(
    start: Tree | None, known: str, hops: Sequence[Hop], conditions: Sequence[Tree], bound: Mapping[str, Tree]
) -> exp.Select:
    """A SELECT that joins visits one by one, to a first item or (inside LATERAL) to an item outside."""
    waiting = [(condition, aliases(condition)) for condition in dict.fromkeys(conditions)]
    select = exp.Select(expressions=[exp.alias_(tree.copy(), quoted(name)) for name, tree in bound.items()])
    aliased = {known}
    own = _take(waiting, aliased)
    for hop in hops:
        aliased.add(hop.uid)
        on = [equal_or_both_null(condition) for condition in _take(waiting, aliased)]
        if start is None:
            start = hop.item.copy()
            own += on
        else:
            join = (
                exp.Join(this=hop.item.copy(), on=_all_of(on))
                if on
                else exp.Join(this=hop.item.copy(), kind="CROSS")
            )
            select.append("joins", join)
    if start is not None:
        select.set("from_", exp.From(this=start))
    if own:
        select.set("where", exp.Where(this=_all_of(own)))
    return select


def _closure(closure: Closure) -> exp.Subquery:
    """A closure as a FROM item: `(WITH RECURSIVE affected AS (seed UNION step) SELECT …)`."""
    names = list(closure.columns)
    before = exp.Table(this=quoted(_AFFECTED), alias=exp.TableAlias(this=quoted(closure.itself)))
    if len(closure.steps) == 1:
        (step,) = closure.steps
        further = _joined(before, closure.itself, step.hops, step.conditions, _in_order(step.outputs, names))
    else:
        # A recursive query may refer to itself only once.
        all_steps: Tree | None = None
        for step in closure.steps:
            each = _joined(None, closure.itself, step.hops, step.conditions, _in_order(step.outputs, names))
            all_steps = (
                each if all_steps is None else exp.Union(this=all_steps, expression=each, distinct=False)
            )
        lateral = exp.Lateral(this=exp.Subquery(this=all_steps), alias=exp.TableAlias(this=quoted("further")))
        further = exp.Select(
            expressions=[column("further", name) for name in names],
            from_=exp.From(this=before),
            joins=[exp.Join(this=lateral, kind="CROSS")],
        )
    seed = _select(closure.seed, closure.columns)
    union = exp.Union(this=seed, expression=further, distinct=True)
    declaration = exp.CTE(
        this=union,
        alias=exp.TableAlias(this=quoted(_AFFECTED), columns=[quoted(name) for name in names]),
    )
    return exp.Subquery(
        this=exp.Select(
            with_=exp.With(expressions=[declaration], recursive=True),
            expressions=[column(_AFFECTED, name) for name in names],
            from_=exp.From(this=exp.Table(this=quoted(_AFFECTED))),
        ),
        alias=exp.TableAlias(this=quoted(closure.alias)),
    )


def _in_order(outputs: Mapping[str, Tree], names: Sequence[str]) -> Mapping[str, Tree]:
    return {name: outputs[name] for name in names}


def _visits(fragment: Fragment) -> Iterator[Visit]:
    if fragment.closure is not None:
        yield from _visits(fragment.closure.seed)
        for step in fragment.closure.steps:
            yield from _visits_of(step.hops, step.conditions)
    yield from _visits_of(fragment.hops, fragment.conditions)


def _visits_of(hops: Sequence[Hop], conditions: Sequence[Tree]) -> Iterator[Visit]:
    order = {hop.uid: n for n, hop in enumerate(hops)}
    found: dict[str, set[str]] = {}
    computed: dict[str, set[str]] = {}
    for condition in conditions:
        named = aliases(condition) & order.keys()
        if not isinstance(condition, (exp.EQ, exp.NullSafeEQ)) or not named:
            continue
        # The visit of the last of them looks its rows up by this condition. The others were visited before.
        last = max(named, key=order.__getitem__)
        for side in (condition.this.unnest(), condition.expression.unnest()):
            plain = side.this.unnest() if isinstance(side, exp.Cast) else side
            if isinstance(plain, exp.Column):
                if plain.table == last:
                    found.setdefault(last, set()).add(plain.name)
            elif aliases(side) == frozenset({last}) and not isinstance(side, (exp.Any, exp.All)):
                computed.setdefault(last, set()).add(in_index(side))
    for hop in hops:
        # Only a table under its own column names has indexes by these names.
        if isinstance(hop.item, exp.Table) and _is_table(hop):
            table = TableName(hop.item.db, hop.item.name)
            keys = (tuple(sorted(each.get(hop.uid, ()))) for each in (found, computed))
            yield Visit(table, *keys)


def _is_table(hop: Hop) -> bool:
    """Whether a visit reads a table under its own column names."""
    return isinstance(hop.item, exp.Table) and not hop.item.args["alias"].args.get("columns")


def in_index(tree: Tree) -> str:
    """An expression over one table as an index of the table would show it."""
    copy = tree.unnest().copy()
    for node in copy.find_all(exp.Column):
        node.set("table", None)
    return render(copy)


def _take(waiting: list[tuple[Tree, frozenset[str]]], known: set[str]) -> list[Tree]:
    """Remove and return the conditions whose aliases are all known."""
    complete = [condition for condition, needed in waiting if needed <= known]
    waiting[:] = [(condition, needed) for condition, needed in waiting if not needed <= known]
    return complete


def _all_of(conditions: Sequence[Tree]) -> Tree:
    tree = _operand(conditions[0])
    for condition in conditions[1:]:
        tree = exp.And(this=tree, expression=_operand(condition))
    return tree


def _operand(tree: Tree) -> Tree:
    tree = tree.unnest().copy()
    return exp.Paren(this=tree) if isinstance(tree, exp.Or) else tree
