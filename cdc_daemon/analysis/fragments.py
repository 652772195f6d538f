"""Routes while they grow: a delta, the sources visited so far, and the conditions between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from cdc_daemon.analysis.catalogue import TableName
from cdc_daemon.analysis.dialect import Tree, quoted, render
from cdc_daemon.analysis.plan import Visit
from cdc_daemon.analysis.reach import Hop, aliases
from cdc_daemon.analysis.scopes import Source

DELTA = "delta"


@dataclass(frozen=True)
class Fragment:
    """A piece of a route.

    Attributes:
        source: the table whose row changed.
        notes: why something could not be bound on the way.
    """

    source: Source
    hops: tuple[Hop, ...] = ()
    conditions: tuple[Tree, ...] = ()
    notes: tuple[str, ...] = ()

    def grown(self, hops: Iterable[Hop], conditions: Iterable[Tree], notes: Iterable[str] = ()) -> Fragment:
        return replace(
            self,
            hops=(*self.hops, *hops),
            conditions=(*self.conditions, *conditions),
            notes=tuple(dict.fromkeys((*self.notes, *notes))),
        )

    def pruned(self, bound: Iterable[Tree]) -> Fragment:
        """Without the visits that nothing refers to any more: they only narrow, and cost."""
        needed = {alias for tree in bound for alias in aliases(tree)}
        for hop in reversed(self.hops):
            if hop.uid in needed:
                needed |= hop.needs
        visited = {hop.uid for hop in self.hops}
        return replace(
            self,
            hops=tuple(hop for hop in self.hops if hop.uid in needed),
            conditions=tuple(
                condition for condition in self.conditions if not (aliases(condition) & visited) - needed
            ),
        )


@dataclass(frozen=True)
class Statement:
    """A finished route as SQL, and what it is made of, to compare it with others."""

    sql: str
    links: frozenset[str]
    outputs: tuple[str, ...]
    hops: frozenset[str]
    conditions: frozenset[str]
    visits: tuple[Visit, ...]

    def includes(self, other: Statement) -> bool:
        """Whether every row of `other` is certainly a row of this one: the same with fewer conditions."""
        return (
            self.outputs == other.outputs and self.hops <= other.hops and self.conditions <= other.conditions
        )


def statement(fragment: Fragment, bound: Mapping[str, Tree]) -> Statement:
    """A SELECT from `delta` of the bound entity columns."""
    fragment = fragment.pruned(bound.values())
    distinct = {render(condition): condition for condition in fragment.conditions}
    waiting = [(condition, aliases(condition)) for condition in distinct.values()]
    select = exp.Select(
        expressions=[exp.alias_(tree.copy(), quoted(name)) for name, tree in bound.items()],
        from_=exp.From(this=exp.Table(this=quoted(DELTA))),
    )
    known = {DELTA}
    own = _take(waiting, known)
    for hop in fragment.hops:
        known.add(hop.uid)
        on = _take(waiting, known)
        join = (
            exp.Join(this=hop.item.copy(), on=_all_of(on))
            if on
            else exp.Join(this=hop.item.copy(), kind="CROSS")
        )
        select.append("joins", join)
    if own:
        select.set("where", exp.Where(this=_all_of(own)))
    return Statement(
        sql=render(select, pretty=True),
        links=frozenset(node.name for node in select.find_all(exp.Column) if node.table == DELTA),
        outputs=tuple(render(tree) for tree in bound.values()),
        hops=frozenset(render(hop.item) for hop in fragment.hops),
        conditions=frozenset(distinct),
        visits=tuple(_visits(fragment)),
    )


def _visits(fragment: Fragment) -> Iterator[Visit]:
    for hop in fragment.hops:
        if not isinstance(hop.item, exp.Table) or hop.item.args["alias"].args.get("columns"):
            continue  # not a table under its own column names
        found: set[str] = set()
        for condition in fragment.conditions:
            if isinstance(condition, exp.EQ):
                for side in (condition.this.unnest(), condition.expression.unnest()):
                    plain = side.this.unnest() if isinstance(side, exp.Cast) else side
                    if isinstance(plain, exp.Column) and plain.table == hop.uid:
                        found.add(plain.name)
        yield Visit(TableName(hop.item.db, hop.item.name), tuple(sorted(found)))


def _take(waiting: list[tuple[Tree, frozenset[str]]], known: set[str]) -> list[Tree]:
    """Remove and return the conditions that are complete, given the aliases that each refers to."""
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
