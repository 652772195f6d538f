"""The order in which the sources of one SELECT may be visited: the ranks.

Joining against current rows is right only if the routes of one query agree on who may rely on whom: a row of
the result derives from a tuple of source rows, and of several that changed at once the lowest must find its
way over rows that did not. Independent shortest paths are wrong: an order and its item, deleted together,
each look for the entity through the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.join_path import JoinPath
from cdc_daemon.analysis.model.dialect import Tree, column
from cdc_daemon.analysis.model.scopes import Conjunct, Identity, Ref, Scope, Side, Source, refs_of


def rank_sources(scope: Scope, goals: Sequence[Tree]) -> Mapping[str, frozenset[str]]:
    """For each source, those that its changed rows may visit.

    Repeatedly the source that binds most columns of the goals with the fewest visits of those settled before;
    a visit by another condition than an equality reads more rows, and an outer join may forbid it. Of equals,
    a query that knows of the rows around by itself, before those that must ask it; then a parent
    before its children: there are more of these, they change more often, and the one that comes later may
    visit the one before. Any order is sound; a good one makes short routes. Functions in FROM hold no rows of
    their own and rank below all.

    Args:
        goals: expressions over the scope's columns that are wanted.
    """
    settled = frozenset(uid for uid, source in scope.sources.items() if _constant(source))
    choosing = frozenset[str]().union(*(each.subqueries for each in scope.chosen))
    unsettled = [
        uid
        for uid, source in scope.sources.items()
        if uid not in settled and (uid in choosing or not source.subquery)
    ]
    before: dict[str, frozenset[str]] = {}
    depth = _depths(scope)
    # What may be visited only grows: each reach goes on from where it stood.
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
    for uid in scope.sources.keys() - before.keys() - settled:  # never visited, so it may visit everything
        before[uid] = settled
    return before


def _led_by(scope: Scope, settled: frozenset[str]) -> Iterator[Conjunct]:
    """What `x = (subquery)` lets a row that knows x know of the subquery's outer columns.

    A guess that only ranks: the subquery may compare them in a way that leads nowhere.
    """
    for each in scope.chosen:
        if not each.subqueries <= settled:
            continue
        x = exp.Tuple(expressions=[part.copy() for part in each.left])
        for ref in sorted(frozenset[Ref]().union(*(scope.sources[uid].outer for uid in each.subqueries))):
            at = column(*ref)
            sides = (Side(at, frozenset({ref}), ref), Side(x, refs_of(x), None))
            yield Conjunct(exp.EQ(this=at, expression=x), refs_of(x) | {ref}, sides)


def _depths(scope: Scope) -> Mapping[str, int]:
    """How many generations of parents each source has: tables that are joined to it by their unique key."""
    joined: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for q in scope.conjuncts:
        for own, other in (q.sides, q.sides[::-1]) if q.sides is not None else ():
            if (
                own.column is not None
                and other.column is not None
                and own.column.source != other.column.source
            ):
                pair = (own.column.source, other.column.source)
                joined.setdefault(pair, set()).add((own.column.column, other.column.column))
    parents: dict[str, set[str]] = {uid: set() for uid in scope.sources}
    for (child, parent), columns in joined.items():
        by_key = _unique(scope, parent, {theirs for _, theirs in columns})
        if by_key and child in parents and not _unique(scope, child, {mine for mine, _ in columns}):
            parents[child].add(parent)
    depths = dict.fromkeys(scope.sources, 0)
    for _ in scope.sources:  # as many rounds as there can be generations; a cycle ends with them
        grown = {uid: max((depths[each] + 1 for each in parents[uid]), default=0) for uid in depths}
        if grown == depths:
            break
        depths = grown
    return depths


def _unique(scope: Scope, uid: str, columns: set[str]) -> bool:
    source = scope.sources.get(uid)
    if source is None or source.table is None:
        return False
    real = {source.real[name] for name in columns if name in source.real}
    return any(real.issuperset(key) for key in source.table.unique_keys if key)


def _constant(source: Source) -> bool:
    return not source.subquery and source.table is None and source.body is None


def _path(scope: Scope, uid: str, settled: frozenset[str], conjuncts: Sequence[Conjunct]) -> JoinPath:
    """What a changed row reaches; one of a subquery that chooses is taken to know the row around it."""
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
