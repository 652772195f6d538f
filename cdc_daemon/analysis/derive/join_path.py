"""A join path: from the known columns of one row to other columns of the same SELECT.

An equality carries a value to a column *without a visit of its table*, so a join over a foreign key that the
child holds costs nothing. Only if that is not enough, the path visits a table. The search works on prepared
sets of columns and copies trees only for what the route keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Equivalences, Value, aliases, substitute
from cdc_daemon.analysis.model.collations import marked, of_column
from cdc_daemon.analysis.model.dialect import Tree, column, enclosed, render
from cdc_daemon.analysis.model.scopes import WHOLE_ROW, Conjunct, Ref, Source, refs_of
from cdc_daemon.analysis.read.names import type_of


@dataclass(frozen=True)
class Hop:
    """A visit of a source's current rows.

    Attributes:
        needs: the aliases that must be visited before it; otherwise it would be a cross join.
    """

    uid: str
    item: Tree
    needs: frozenset[str]


_Visit: TypeAlias = tuple[str, Conjunct | None, frozenset[str]]
"""A source, the condition that leads to it, and the sources that must be visited with it."""


@dataclass
class JoinPath(Equivalences):
    """The columns and sources that are reached from one changed row."""

    _links: dict[str, Conjunct | None] = field(init=False, default_factory=dict[str, Conjunct | None])
    _together: dict[str, frozenset[str]] = field(init=False, default_factory=dict[str, frozenset[str]])
    # Sources to which no condition leads yet.
    _exhausted: frozenset[str] = field(init=False, default=frozenset())
    _touching: dict[str, list[Conjunct]] = field(init=False, default_factory=dict[str, list[Conjunct]])
    # Whether a source may be visited without a condition that leads to it.
    roaming: bool = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.roaming = any(q.null_guard and not q.sources for q in self.conjuncts)
        for q in self.conjuncts:
            for uid in q.sources:
                self._touching.setdefault(uid, []).append(q)

    def bind(self, goals: Iterable[Tree]) -> None:
        """Look for goals: propagate equalities, and visit the nearest source while a goal is missing."""
        goals = list(goals)
        self._propagate()
        while missing := [goal for goal in goals if not self.knows(goal)]:
            further = self.visitable - self._exhausted
            visits = (self._nearest(missing, further) or self._compound(further)) if further else []
            if not visits:
                self._exhausted = self.visitable
                return
            for visit in visits:
                self._visit(*visit)
            self._exhausted = frozenset()
            self._propagate()

    def leads(self, goals: Iterable[Tree]) -> frozenset[Ref]:
        """The columns, known from the start, that the goals' values come from."""
        values = [value for goal in goals if (value := self.value(goal)) is not None]
        kept = frozenset[str]().union(*(value.hops for value in values))
        trees = [value.tree for value in values]
        for uid, link in self._links.items():
            if uid in kept:
                trees.append(self._item(self.scope.sources[uid], kept))
                if link is not None and (tree := self._condition(link, kept)) is not None:
                    trees.append(tree)
        return frozenset(ref for tree in trees for ref in refs_of(tree) if ref.source not in kept)

    def touches(self, q: Conjunct) -> bool:
        """Whether some column of a condition is known."""
        return any(ref in self._equal for ref in q.refs)

    def reads_whole(self) -> bool:
        """Whether the path scans a source as a whole and compares its rows afterwards."""
        return any(link is None and not self.scope.sources[uid].outer for uid, link in self._links.items())

    def score(self, goals: Iterable[Tree]) -> tuple[int, int, int]:
        """How many goal columns the row binds, how many visits for them lack an equality, and how many
        visits.
        """
        bound = 0
        hops: frozenset[str] = frozenset()
        for goal in goals:
            known = self._equal if isinstance(goal.unnest(), exp.Column) else self._exact
            for ref in refs_of(goal):
                if ref in known and known[ref].anchored:
                    bound += 1
                    hops |= known[ref].hops
        links = (self._links[uid] for uid in hops if uid in self._links)
        return bound, sum(link is not None and link.sides is None for link in links), len(hops)

    # Hops

    def _nearest(self, goals: Sequence[Tree], among: frozenset[str]) -> list[_Visit]:
        """The visit that needs the fewest other visits, by an equality before other conditions."""
        best: tuple[tuple[int, int, int], _Visit] | None = None
        missing = {ref.source for goal in goals for ref in refs_of(goal) if ref not in self._equal}
        near = among if self.roaming else among & self._frontier
        for order, uid in enumerate(self.scope.sources if near else ()):
            if uid not in near or not self._may_visit(uid):
                continue
            if not self._exact.keys() >= self.scope.sources[uid].outer:
                continue
            for q, needs in self._visits_to(self.scope.sources[uid], unbound=uid in missing):
                score = (len(needs), 1 if q is None or q.sides is None else 0, order)
                if best is None or score < best[0]:
                    best = (score, (uid, q, needs))
        return [] if best is None else [best[1]]

    def _may_visit(self, uid: str) -> bool:
        return uid in self.visitable and uid not in self._links and not self.scope.sources[uid].subquery

    def _visits_to(
        self, source: Source, *, unbound: bool
    ) -> Iterator[tuple[Conjunct | None, frozenset[str]]]:
        feeders = self._hops(source.outer)
        if any(self._exact[ref].anchored for ref in source.outer):
            yield None, feeders
        if unbound:
            for q in self.conjuncts:
                if q.null_guard and not q.sources:
                    yield q, feeders
        for q in self._touching.get(source.uid, ()):
            if q.implied:
                continue
            others, equal = self._needs(q, frozenset({source.uid}))
            if not self._exact.keys() >= others or not self._equal.keys() >= equal:
                continue
            anchored = any(self._exact[ref].anchored for ref in others) or any(
                self._equal[ref].anchored for ref in equal
            )
            if anchored or q.given:
                yield q, feeders | self._hops(others) | self._hops(equal, self._equal)

    def _needs(self, q: Conjunct, visited: frozenset[str]) -> tuple[frozenset[Ref], frozenset[Ref]]:
        """The columns that a condition on visited sources needs: first exact values, then equal ones."""
        equal = frozenset(
            side.column
            for side in q.sides or ()
            if side.column is not None and side.column.source not in visited
        )
        return frozenset(ref for ref in q.refs if ref.source not in visited) - equal, equal

    def _compound(self, among: frozenset[str]) -> list[_Visit]:
        """Visits that only together find rows: a function or LATERAL, and the sources that feed it.

        In `p, unnest(p.tags) AS t(tag)` with a known t.tag, no row of p is known, so the route reads all of
        p. Several sources that neither feed nor equal each other would be a cross join; the path does not
        visit them.
        """
        best: tuple[tuple[int, int], list[_Visit]] | None = None
        for q in self.conjuncts:
            if not q.given and self._equal.keys().isdisjoint(q.refs):
                continue
            unknown = frozenset(ref.source for ref in q.refs if self._is_open(ref))
            together = None if q.implied or not unknown else self._with_feeders(unknown)
            if not together or among.isdisjoint(together):
                continue
            others, equal = self._needs(q, frozenset(together))
            if not self._exact.keys() >= others or not self._equal.keys() >= equal:
                continue
            if not q.given and not any(self._equal[ref].anchored for ref in others | equal):
                continue
            links = self._connected(together)
            if links is None:
                continue
            needs = self._hops(others) | self._hops(equal, self._equal) | frozenset(together)
            score = (len(together), 1 if q.sides is None else 0)
            if best is None or score < best[0]:
                links[-1] = q if len(together) == 1 or links[-1] is None else links[-1]
                best = (score, [(uid, link, needs) for uid, link in zip(together, links, strict=True)])
        if best is None:
            return []
        for uid, _, needs in best[1]:
            self._together[uid] = needs
        return best[1]

    def _connected(self, together: Sequence[str]) -> list[Conjunct | None] | None:
        """The condition that joins each of some sources to those before it; None if that would be a cross
        join.

        A source that others feed is joined by the columns that it refers to, which is no condition.
        """
        links: list[Conjunct | None] = [None]
        for n, uid in enumerate(together[1:], start=1):
            known = frozenset(together[: n + 1])
            link = next(
                (
                    q
                    for q in self._touching.get(uid, ())
                    if q.sides is not None and not q.implied and len(q.sources) > 1 and q.sources <= known
                ),
                None,
            )
            if link is None and not self.scope.sources[uid].outer:
                return None
            links.append(link)
        return links

    def _is_open(self, ref: Ref) -> bool:
        """Whether a column is unknown, or its source lacks a column that feeds it."""
        source = self.scope.sources.get(ref.source)
        if source is None or ref.source in self._links:
            return False
        return ref not in self._equal or not self._exact.keys() >= source.outer

    def _with_feeders(self, uids: frozenset[str]) -> list[str] | None:
        """Some sources and the sources that feed them, in order; None if one of them can't be visited."""
        found: set[str] = set()
        waiting = list(uids)
        while waiting:
            uid = waiting.pop()
            if uid in found:
                continue
            if not self._may_visit(uid):
                return None
            found.add(uid)
            for ref in self.scope.sources[uid].outer:
                if ref not in self._exact:
                    if ref.source not in self.scope.sources:
                        return None
                    waiting.append(ref.source)
        return [uid for uid in self.scope.sources if uid in found]

    def _hops(self, refs: Iterable[Ref], known: Mapping[Ref, Value] | None = None) -> frozenset[str]:
        hops: frozenset[str] = frozenset()
        for ref in refs:
            hops |= (known or self._exact)[ref].hops
        return hops

    def _visit(self, uid: str, link: Conjunct | None, needs: frozenset[str]) -> None:
        self._links[uid] = link
        hops = needs | {uid}
        source = self.scope.sources[uid]
        for name in self.scope.used.get(uid, frozenset((*source.columns, WHOLE_ROW))):
            ref = Ref(uid, name)
            tree = (
                exp.Column(this=exp.Star(), table=column(uid, "x").args["table"])
                if name == WHOLE_ROW
                else marked(column(uid, name), of_column(source, name))
            )
            type_ = None if name == WHOLE_ROW else type_of(source, name)
            value = Value(tree, exact=True, hops=hops, type=type_)
            self._exact[ref] = value
            self._equal.setdefault(ref, value)
            self._learnt(ref)

    # The parts that a route keeps

    def compiled(self, values: Sequence[Value], changed: str | None) -> tuple[list[Hop], list[Tree]]:
        """The visits that some values need, in an order in which each can be joined, and every condition on
        them.

        Args:
            changed: the source whose row changed. Conditions on it alone narrow the delta.
        """
        kept = frozenset[str]().union(*(value.hops for value in values))
        trees: list[Tree] = []
        linked: dict[Conjunct, Tree] = {}
        alone: list[tuple[Conjunct, Tree]] = []
        for q in self.conjuncts:
            of_hops = q.null_guard or bool(q.sources & kept)
            if q.implied or not (of_hops or q.sources == frozenset((changed,))):
                continue
            tree = self._condition(q, kept)
            if tree is None:
                continue
            linked[q] = tree
            if of_hops:
                trees += [] if isinstance(tree, exp.Boolean) and tree.this else [tree]
            else:
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
            # Sources that were visited together are found only together.
            needs |= self._together.get(uid, frozenset())
            hops.append(Hop(uid, item, needs - {uid}))
        fragile = any(_may_fail(tree) for tree in (*trees, *(value.tree for value in values)))
        for q, tree in alone:
            # Each column here travels in every entry. That pays for a constant that narrows the delta, and
            # where an expression (such as a cast) would fail on rows that the query never looks at.
            if fragile or _selective(q.tree):
                trees.append(tree)
        return hops, trees

    def unmatched(self, source: Source, on: Iterable[Conjunct], values: Sequence[Value]) -> Tree | None:
        """The condition that no current row of a source fulfils some conditions; None if one needs unknown
        columns.

        Args:
            values: the other values that the route keeps.
        """
        kept = frozenset[str]().union(*(value.hops for value in values)) | {source.uid}
        found: list[Tree] = []
        for q in on:
            tree = self._condition(q, kept)
            if tree is None:
                return None
            found.append(enclosed(tree))
        if not found or source.item is None:
            return None
        select = exp.Select(
            expressions=[exp.Literal.number(1)], from_=exp.From(this=self._item(source, kept))
        )
        return exp.Not(this=exp.Exists(this=select.where(*found, copy=False)))

    def _item(self, source: Source, kept: frozenset[str]) -> Tree:
        if source.item is None:
            raise AssertionError("a subquery in an expression is never visited")
        item = source.item.copy()
        item.set("joins", None)
        inner = {ref: self._exact[ref].tree for ref in source.outer if ref.source not in kept}
        return substitute(item, inner)

    def _condition(self, q: Conjunct, kept: frozenset[str]) -> Tree | None:
        """A condition over the delta and the visited sources; None if it needs more, or is always true."""
        values: dict[Ref, Tree] = {}
        plain = {side.column for side in q.sides or ()}
        for ref in q.refs:
            if ref.source in kept:
                continue
            # The first value: that of a link was known before its visit.
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


def _selective(tree: Tree) -> bool:
    """Whether a condition compares a column with constants, or with a constant prefix."""
    pins = isinstance(tree, (exp.EQ, exp.In, exp.Like)) and not tree.args.get("negate")
    return pins and isinstance(tree.this.unnest(), (exp.Column, exp.Cast))


def _may_fail(tree: Tree) -> bool:
    """Whether its evaluation may raise an error for some row."""
    return any(
        isinstance(node, (exp.Anonymous, exp.Div, exp.Mod))
        or (isinstance(node, exp.Cast) and node.to.this not in (exp.DType.TEXT, exp.DType.VARCHAR))
        for node in tree.walk()
    )
