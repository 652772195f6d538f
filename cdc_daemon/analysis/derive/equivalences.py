"""The known columns of a SELECT, and the equalities that make further columns known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from cdc_daemon.analysis.model.dialect import Tree, enclosed
from cdc_daemon.analysis.model.scopes import WHOLE_ROW, Conjunct, Identity, Ref, Scope, Side, refs_of


@dataclass(frozen=True)
class Value:
    """A known column.

    Attributes:
        tree: the value as an expression over the delta and the visited sources.
        exact: whether it is the column's own value. Otherwise it is only equal by `=`.
        hops: the sources of this SELECT that must be visited for it.
        anchored: whether it depends on the changed row; a constant does not.
        type: its type in the catalogue, if known. An equal value may have another type than the column.
    """

    tree: Tree
    exact: bool = True
    hops: frozenset[str] = frozenset()
    anchored: bool = True
    type: str | None = None


@dataclass
class Equivalences:
    """The known columns, spread by equalities.

    Attributes:
        conjuncts: the conditions that hold for the rows in question.
        visitable: the sources that did not change, by their ranks. The caller may add some between calls of
            `bind`.
        start: the columns that are known from the changed row.
    """

    scope: Scope
    conjuncts: Sequence[Conjunct]
    visitable: frozenset[str]
    start: Mapping[Ref, Value]
    _exact: dict[Ref, Value] = field(init=False)
    _equal: dict[Ref, Value] = field(init=False)
    _news: list[Conjunct] = field(init=False)
    _naming: dict[Ref, list[Conjunct]] = field(init=False, default_factory=dict[Ref, list[Conjunct]])
    _feeding: dict[Ref, list[str]] = field(init=False, default_factory=dict[Ref, list[str]])
    # Sources with a condition on a known column.
    _frontier: set[str] = field(init=False, default_factory=set[str])

    def __post_init__(self) -> None:
        self._equal = dict(self.start)
        self._exact = {ref: value for ref, value in self.start.items() if value.exact}
        self._news = [q for q in self.conjuncts if q.sides is not None and q.carries]
        for q in self.conjuncts:
            for ref in q.refs:
                self._naming.setdefault(ref, []).append(q)
            if q.given:
                self._frontier |= q.sources
        for uid, source in self.scope.sources.items():
            for ref in source.outer:
                self._feeding.setdefault(ref, []).append(uid)
        for ref in self.start:
            self._learnt(ref)

    def _learnt(self, ref: Ref) -> None:
        """Note a new known column: conditions and sources that refer to it may lead on."""
        self._frontier.update(self._feeding.get(ref, ()))
        for q in self._naming.get(ref, ()):
            self._frontier |= q.sources
            if q.sides is not None and q.carries:
                self._news.append(q)

    def knows(self, tree: Tree) -> bool:
        """Whether `value` returns something."""
        at = tree.unnest()
        if isinstance(at, exp.Column):
            return next(iter(refs_of(at))) in self._equal
        return self._exact.keys() >= refs_of(tree)

    def value(self, tree: Tree) -> Value | None:
        """An expression of the SELECT over the delta and the visits; None if a column of it is unknown."""
        at = tree.unnest()
        if isinstance(at, exp.Column):
            ref = next(iter(refs_of(at)))
            return self._equal.get(ref)
        refs = refs_of(tree)
        if not self._exact.keys() >= refs:
            return None
        return self._substituted(tree, refs, self._exact, exact=True)

    def known_by(self, visited: frozenset[str]) -> dict[Ref, Value]:
        """The columns that are known once these sources, and no others, are visited."""
        return {ref: value for ref, value in (self._equal | self._exact).items() if value.hops <= visited}

    def opened(self, tree: Tree, inner: Iterable[Ref], *, plain: bool) -> Value | None:
        """One side of a condition with inner columns replaced and outer ones kept; None if an inner one is
        unknown.

        Args:
            plain: whether the side is a mere column, so that an equal value will do.
        """
        known = self._equal if plain else self._exact
        inner = frozenset(inner)
        if not known.keys() >= inner:
            return None
        exact = bool(inner) and all(known[ref].exact for ref in inner)
        return self._substituted(tree, inner, known, exact=exact)

    # Propagation

    def _propagate(self) -> None:
        while self._news:
            q = self._news.pop(0)
            if q.sides is None:
                raise AssertionError("only equalities carry values on")
            for target, source in (q.sides, q.sides[::-1]):
                self._carry(q, target, source)

    def _carry(self, q: Conjunct, target: Side, source: Side) -> None:
        ref = target.column
        if ref is None or ref.source not in self.scope.sources or ref in self._exact:
            return
        value = self._side(source)
        if value is None:
            return
        exact = value.exact and q.identical
        if ref in self._equal and not exact:
            return
        carried = replace(value, exact=exact)
        self._equal.setdefault(ref, carried)
        if exact:
            self._exact[ref] = carried
        self._learnt(ref)

    def _side(self, side: Side) -> Value | None:
        if side.column is not None:
            return self._equal.get(side.column)
        if not self._exact.keys() >= side.refs:
            return None
        value = self._substituted(side.tree, side.refs, self._exact, exact=False)
        if side.given is not None:
            return replace(value, exact=side.given is Identity.IDENTICAL, anchored=True, type=side.type)
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


def substitute(tree: Tree, values: Mapping[Ref, Tree]) -> Tree:
    """A copy of an expression with columns replaced by expressions."""
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
    """The sources to which an expression refers, except those that its own subqueries read."""
    named: set[str] = set()
    read: set[str] = set()
    for node in tree.walk():
        if isinstance(node, exp.Column):
            named.add(node.table)
        elif isinstance(node, (exp.Table, exp.Subquery, exp.Values)):
            read.add(node.alias_or_name)
    return frozenset(named - read)
