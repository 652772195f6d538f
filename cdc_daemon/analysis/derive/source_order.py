"""The ranks of the sources of one SELECT: the order in which routes may visit them.

Routes join current rows. That is right only if all routes of a query agree on an order: a result row derives
from one row of each source, and of several changed sources the lowest must find its way over unchanged rows.
Shortest paths that are chosen one by one are wrong. Example: an order and its item are deleted together, and
each looks for the entity through the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.join_path import JoinPath
from cdc_daemon.analysis.model.dialect import Tree, column
from cdc_daemon.analysis.model.scopes import Conjunct, Identity, Ref, Scope, Side, Source, refs_of


def rank_sources(scope: Scope, goals: Sequence[Tree]) -> Mapping[str, frozenset[str]]:
    """Rank the sources; return for each source those that its changed rows may visit.

    A greedy choice: take the source that binds most goal columns, then the one with fewer visits by other
    conditions than equalities, because these read more rows. Then prefer a query that refers to the outer row
    by itself, then a parent to its children: children are more, change more often, and may visit the parent
    if they come later. Any order is sound; a good one makes short routes. Functions in FROM have no rows of
    their own and rank lowest.

    Args:
        goals: expressions over the SELECT's columns that routes look for.
    """
    settled = frozenset(uid for uid, source in scope.sources.items() if _constant(source))
    choosing = frozenset[str]().union(*(each.subqueries for each in scope.subquery_equalities))
    unsettled = [
        uid
        for uid, source in scope.sources.items()
        if uid not in settled and (uid in choosing or not source.subquery)
    ]
    before: dict[str, frozenset[str]] = {}
    depth = _depths(scope)
    # The visitable sources only grow, so each path continues from where it stood.
    paths = {uid: _path(scope, uid, settled, scope.conjuncts) for uid in unsettled}
    while unsettled:
        best: tuple[tuple[int, int, bool, bool, int, int, int], str] | None = None
        for order, uid in enumerate(unsettled):
            path = paths[uid]
            path.visitable = settled
            path.bind(goals)
            bound, loose, visits = path.score(goals)
            source = scope.sources[uid]
            score = (-bound, loose, source.subquery, not scope.correlated(source), depth[uid], visits, order)
            if best is None or score < best[0]:
                best = (score, uid)
        if best is None:
            raise AssertionError("an unsettled source was scored")
        before[best[1]] = settled
        settled |= {best[1]}
        unsettled.remove(best[1])
        if best[1] in choosing:
            conjuncts = [*scope.conjuncts, *_led_by(scope, settled)]
            paths = {uid: _path(scope, uid, settled, conjuncts) for uid in unsettled}
    for uid in (
        scope.sources.keys() - before.keys() - settled
    ):  # no route visits it, so it may visit all ranked sources
        before[uid] = settled
    return before


def _led_by(scope: Scope, settled: frozenset[str]) -> Iterator[Conjunct]:
    """Guess that `x = (subquery)` leads a row that knows x to the subquery's outer columns.

    The guess only influences ranks. The subquery may compare these columns in a way that leads nowhere.
    """
    for each in scope.subquery_equalities:
        if not each.subqueries <= settled:
            continue
        x = exp.Tuple(expressions=[part.copy() for part in each.left])
        for ref in sorted(frozenset[Ref]().union(*(scope.sources[uid].outer for uid in each.subqueries))):
            at = column(*ref)
            sides = (Side(at, frozenset({ref}), ref), Side(x, refs_of(x), None))
            yield Conjunct(exp.EQ(this=at, expression=x), refs_of(x) | {ref}, sides)


def _depths(scope: Scope) -> Mapping[str, int]:
    """For each source, its number of generations of parents: tables joined by their unique key."""
    joined: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for q in scope.conjuncts:
        for own, other in (q.equated, q.equated[::-1]) if q.equated is not None else ():
            joined.setdefault((own.source, other.source), set()).add((own.column, other.column))
    parents: dict[str, set[str]] = {uid: set() for uid in scope.sources}
    for (child, parent), columns in joined.items():
        by_key = _unique(scope, parent, {theirs for _, theirs in columns})
        if by_key and child in parents and not _unique(scope, child, {mine for mine, _ in columns}):
            parents[child].add(parent)
    depths = dict.fromkeys(scope.sources, 0)
    for _ in scope.sources:  # at most one round for each source; this also ends on a cycle
        grown = {uid: max((depths[each] + 1 for each in parents[uid]), default=0) for uid in depths}
        if grown == depths:
            break
        depths = grown
    return depths


def _unique(scope: Scope, uid: str, columns: set[str]) -> bool:
    source = scope.sources.get(uid)
    if source is None or source.table is None:
        return False
    return source.table.has_key_in({source.real[name] for name in columns if name in source.real})


def _constant(source: Source) -> bool:
    return not source.subquery and source.table is None and source.body is None


def _path(scope: Scope, uid: str, settled: frozenset[str], conjuncts: Sequence[Conjunct]) -> JoinPath:
    """The path of a changed row. A row of a subquery that chooses a value is assumed to know the row around
    it.
    """
    source = scope.sources[uid]
    if not source.subquery:
        start = {Ref(uid, name): Value(column(uid, name)) for name in scope.used[uid]}
        return JoinPath(scope, conjuncts, settled, start)
    around = [_known(ref) for ref in sorted(source.outer) if ref.source in scope.sources]
    return JoinPath(scope, [*conjuncts, *around], settled, {})


def _known(ref: Ref) -> Conjunct:
    at, value = column(*ref), exp.Placeholder()
    sides = Side(at, frozenset({ref}), ref), Side(value, frozenset(), None, Identity.IDENTICAL)
    return Conjunct(exp.EQ(this=at, expression=value), frozenset({ref}), sides, given=True)
