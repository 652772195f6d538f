"""From the values of one changed row to other columns of the same scope: the closure.

Equalities carry a value to a column *without visiting its table*: a join through a foreign key that the child
carries costs nothing. Where that doesn't suffice, a table is visited (a hop). All of it is done on prepared
sets of columns; trees are copied for what is kept only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from cdc_daemon.analysis.dialect import Tree, column, enclosed, render
from cdc_daemon.analysis.names import type_of
from cdc_daemon.analysis.scopes import WHOLE_ROW, Conjunct, Given, Ref, Scope, Side, Source, refs_of


@dataclass(frozen=True)
class Value:
    """What is known of a column.

    Attributes:
        tree: an expression over the delta and the sources visited.
        exact: it is the column's own value; otherwise `=` calls it equal, no more.
        hops: the sources of this scope that have to be visited for it.
        anchored: it depends on the changed row (a constant doesn't).
        type: the catalogue's, where it is known; an equal value may be of another type than the column.
    """

    tree: Tree
    exact: bool = True
    hops: frozenset[str] = frozenset()
    anchored: bool = True
    type: str | None = None


@dataclass(frozen=True)
class Hop:
    """A visit of a source's current rows.

    Attributes:
        needs: aliases without which it would stand unconnected.
    """

    uid: str
    item: Tree
    needs: frozenset[str]


@dataclass
class Reach:
    """The closure of one changed source.

    Attributes:
        conjuncts: those that hold for the rows in question.
        visitable: sources that did not change, by the ranks.
        start: what is known of the changed row.
    """

    scope: Scope
    conjuncts: Sequence[Conjunct]
    visitable: frozenset[str]
    start: Mapping[Ref, Value]
    _exact: dict[Ref, Value] = field(init=False)
    _equal: dict[Ref, Value] = field(init=False)
    _links: dict[str, Conjunct | None] = field(init=False, default_factory=dict[str, Conjunct | None])

    def __post_init__(self) -> None:
        self._equal = dict(self.start)
        self._exact = {ref: value for ref, value in self.start.items() if value.exact}

    def bind(self, goals: Iterable[Tree]) -> None:
        """Propagate, and visit the nearest source while a goal is missing and something can be visited."""
        goals = list(goals)
        self._propagate()
        while any(self.value(goal) is None for goal in goals):
            nearest = self._nearest(goals)
            if nearest is None:
                return
            self._visit(*nearest)
            self._propagate()

    def value(self, tree: Tree) -> Value | None:
        """An expression over the scope's columns as one over delta and hops, if all of it is known."""
        at = tree.unnest()
        if isinstance(at, exp.Column):
            ref = next(iter(refs_of(at)))
            return self._equal.get(ref)
        refs = refs_of(tree)
        if not all(ref in self._exact for ref in refs):
            return None
        return self._substituted(tree, refs, self._exact, exact=True)

    def opened(self, tree: Tree, inner: Iterable[Ref], *, plain: bool) -> Value | None:
        """A condition's side with its inner columns replaced and its outer ones kept; None if one is not
        known.

        Args:
            plain: it is a mere column, so an equal value will do.
        """
        known = self._equal if plain else self._exact
        inner = frozenset(inner)
        if not all(ref in known for ref in inner):
            return None
        exact = bool(inner) and all(known[ref].exact for ref in inner)
        return self._substituted(tree, inner, known, exact=exact)

    # Propagation

    def _propagate(self) -> None:
        moving = True
        while moving:
            moving = False
            for q in self.conjuncts:
                if q.sides is None:
                    continue
                for target, source in (q.sides, q.sides[::-1]):
                    moving = self._carry(q, target, source) or moving

    def _carry(self, q: Conjunct, target: Side, source: Side) -> bool:
        ref = target.column
        if ref is None or ref.source not in self.scope.sources or ref in self._exact:
            return False
        value = self._side(source)
        if value is None:
            return False
        exact = value.exact and q.identical
        if ref in self._equal and not exact:
            return False
        carried = replace(value, exact=exact)
        self._equal.setdefault(ref, carried)
        if exact:
            self._exact[ref] = carried
        return True

    def _side(self, side: Side) -> Value | None:
        if side.column is not None:
            return self._equal.get(side.column)
        if not all(ref in self._exact for ref in side.refs):
            return None
        value = self._substituted(side.tree, side.refs, self._exact, exact=False)
        if side.given is not None:
            return replace(value, exact=side.given is Given.EXACT, anchored=True, type=side.type)
        return value

    def _substituted(
        self, tree: Tree, refs: frozenset[Ref], known: Mapping[Ref, Value], *, exact: bool
    ) -> Value:
        hops: frozenset[str] = frozenset()
        for ref in refs:
            hops |= known[ref].hops
        return Value(
            substitute(tree, {ref: known[ref].tree for ref in refs}),
            exact,
            hops,
            any(known[ref].anchored for ref in refs),
            known[next(iter(refs))].type if isinstance(tree.unnest(), exp.Column) and refs else None,
        )

    # Hops

    def _nearest(self, goals: Sequence[Tree]) -> tuple[str, Conjunct | None, frozenset[str]] | None:
        best: tuple[tuple[int, int, int], str, Conjunct | None, frozenset[str]] | None = None
        missing = {ref.source for goal in goals for ref in refs_of(goal) if ref not in self._equal}
        for order, uid in enumerate(self.scope.sources):
            if uid not in self.visitable or uid in self._links:
                continue
            source = self.scope.sources[uid]
            if source.subquery or not all(ref in self._exact for ref in source.outer):
                continue
            for q, needs in self._ways(source):
                if q is not None and q.free and not (uid in q.sources if q.sources else uid in missing):
                    continue
                score = (len(needs), 1 if q is None or q.sides is None else 0, order)
                if best is None or score < best[0]:
                    best = (score, uid, q, needs)
        return None if best is None else best[1:]

    def _ways(self, source: Source) -> Iterable[tuple[Conjunct | None, frozenset[str]]]:
        feeders = self._hops(source.outer)
        if any(self._exact[ref].anchored for ref in source.outer):
            yield None, feeders
        for q in self.conjuncts:
            if q.free:
                yield q, feeders
                continue
            if source.uid not in q.sources:
                continue
            others: set[Ref] = set()
            equal: set[Ref] = set()
            for side in q.sides or ():
                if side.column is not None and side.column.source != source.uid:
                    equal.add(side.column)
            others = {ref for ref in q.refs if ref.source != source.uid} - equal
            if not all(ref in self._exact for ref in others) or not all(ref in self._equal for ref in equal):
                continue
            anchored = any(self._exact[ref].anchored for ref in others) or any(
                self._equal[ref].anchored for ref in equal
            )
            if anchored or q.given:
                yield q, feeders | self._hops(others) | self._hops(equal, self._equal)

    def _hops(self, refs: Iterable[Ref], known: Mapping[Ref, Value] | None = None) -> frozenset[str]:
        hops: frozenset[str] = frozenset()
        for ref in refs:
            hops |= (known or self._exact)[ref].hops
        return hops

    def _visit(self, uid: str, link: Conjunct | None, needs: frozenset[str]) -> None:
        self._links[uid] = link
        hops = needs | {uid}
        source = self.scope.sources[uid]
        for name in (*source.columns, WHOLE_ROW):
            ref = Ref(uid, name)
            tree = (
                exp.Column(this=exp.Star(), table=column(uid, "x").args["table"])
                if name == WHOLE_ROW
                else column(uid, name)
            )
            type_ = None if name == WHOLE_ROW else type_of(source, name)
            value = Value(tree, exact=True, hops=hops, type=type_)
            self._exact[ref] = value
            self._equal.setdefault(ref, value)

    # What is kept of it

    def compiled(self, values: Sequence[Value], changed: str | None) -> tuple[list[Hop], list[Tree]]:
        """The hops that some values need, in an order in which each can be joined, and every condition on
        them.

        Args:
            changed: the source whose row changed; conditions on it alone narrow the delta.
        """
        kept = frozenset[str]().union(*(value.hops for value in values))
        trees: list[Tree] = []
        linked: dict[Conjunct, Tree] = {}
        alone: list[tuple[Conjunct, Tree]] = []
        for q in self.conjuncts:
            tree = self._condition(q, kept)
            if tree is None:
                continue
            linked[q] = tree
            if q.free or q.sources & kept:
                trees.append(tree)
            elif changed is not None and q.sources == frozenset((changed,)):
                alone.append((q, tree))
        hops: list[Hop] = []
        for uid, link in self._links.items():
            if uid not in kept:
                continue
            source = self.scope.sources[uid]
            item = self._item(source, kept)
            needs = aliases(item) if source.outer else frozenset[str]()
            if link is not None:
                needs |= aliases(linked[link])
            hops.append(Hop(uid, item, needs - {uid}))
        fragile = any(_may_fail(tree) for tree in (*trees, *(value.tree for value in values)))
        for q, tree in alone:
            # Each column named here travels in every entry: worth it for a constant that narrows the delta,
            # or where something else would be computed for rows that the query never looks at (a cast that
            # fails).
            if fragile or _selective(q.tree):
                trees.append(tree)
        return hops, trees

    def _item(self, source: Source, kept: frozenset[str]) -> Tree:
        if source.item is None:
            raise AssertionError("a subquery in an expression is never visited")
        item = source.item.copy()
        item.set("joins", None)
        inner = {ref: self._exact[ref].tree for ref in source.outer if ref.source not in kept}
        return substitute(item, inner)

    def _condition(self, q: Conjunct, kept: frozenset[str]) -> Tree | None:
        """A conjunct over the delta and the kept hops; None if it needs more, or says nothing."""
        values: dict[Ref, Tree] = {}
        plain = {side.column for side in q.sides or ()}
        for ref in q.refs:
            if ref.source in kept:
                continue
            # The first value found: that of a link was known before its hop was made.
            value = (self._equal if ref in plain else self._exact).get(ref)
            if value is None or not value.hops <= kept:
                return None
            values[ref] = value.tree
        tree = substitute(q.tree, values)
        if q.sides is not None and values:
            sides = tree.this.unnest(), tree.expression.unnest()
            if render(sides[0]) == render(sides[1]):
                return None
        return tree


def substitute(tree: Tree, values: Mapping[Ref, Tree]) -> Tree:
    """A copy with columns replaced by expressions."""
    copy = tree.copy()
    if not values:
        return copy
    holder = exp.Paren(this=copy)
    for node in list(holder.find_all(exp.Column)):
        name = WHOLE_ROW if isinstance(node.this, exp.Star) else node.name
        value = values.get(Ref(node.table, name))
        if value is not None:
            node.replace(enclosed(value))
    result: Tree = holder.this
    return result


def aliases(tree: Tree) -> frozenset[str]:
    """The sources that the columns of an expression belong to."""
    return frozenset(node.table for node in tree.find_all(exp.Column))


def _selective(tree: Tree) -> bool:
    """Whether a condition pins a column to constants."""
    return isinstance(tree, (exp.EQ, exp.In)) and isinstance(tree.this.unnest(), (exp.Column, exp.Cast))


def _may_fail(tree: Tree) -> bool:
    """Whether evaluating it could raise for some row."""
    return any(
        isinstance(node, (exp.Anonymous, exp.Div, exp.Mod))
        or (isinstance(node, exp.Cast) and node.to.this not in (exp.DType.TEXT, exp.DType.VARCHAR))
        for node in tree.walk()
    )
