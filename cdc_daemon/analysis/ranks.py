"""The order in which the sources of one SELECT may be visited: the ranks.

Joining against current rows is right only if the routes of one query agree on who may rely on whom: a row of
the result derives from a tuple of source rows, and of several that changed at once the lowest must find its
way over rows that did not. Independent shortest paths are wrong: an order and its item, deleted together,
each look for the entity through the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cdc_daemon.analysis.cases import all_matched
from cdc_daemon.analysis.dialect import Tree, column
from cdc_daemon.analysis.reach import Reach, Value
from cdc_daemon.analysis.scopes import Ref, Scope, Source


def settle(scope: Scope, goals: Sequence[Tree]) -> Mapping[str, frozenset[str]]:
    """For each source, those that its changed rows may visit.

    Repeatedly the source that binds most goals with the fewest visits of those settled before. Any order is
    sound; a good one makes short routes. Functions in FROM hold no rows of their own and rank below all.

    Args:
        goals: expressions over the scope's columns that are wanted.
    """
    settled = frozenset(uid for uid, source in scope.sources.items() if _constant(source))
    unsettled = [uid for uid, source in scope.sources.items() if not source.subquery and uid not in settled]
    before: dict[str, frozenset[str]] = {}
    usable = [q for q in scope.conjuncts if all_matched(scope).holds(q)]
    while unsettled:
        best: tuple[tuple[int, int, int], str] | None = None
        for order, uid in enumerate(unsettled):
            reach = Reach(scope, usable, settled, _own_columns(scope, uid))
            reach.bind(goals)
            values = [value for goal in goals if (value := reach.value(goal)) is not None and value.anchored]
            hops = frozenset[str]().union(*(value.hops for value in values))
            score = (-len(values), len(hops), order)
            if best is None or score < best[0]:
                best = (score, uid)
            if len(values) == len(goals) and not hops:
                break
        if best is None:
            raise AssertionError("an unsettled source was scored")
        before[best[1]] = settled
        settled |= {best[1]}
        unsettled.remove(best[1])
    for uid, source in scope.sources.items():
        if source.subquery:  # never visited, so it may visit everything
            before[uid] = settled
    return before


def _constant(source: Source) -> bool:
    return not source.subquery and source.table is None and source.body is None


def _own_columns(scope: Scope, uid: str) -> dict[Ref, Value]:
    return {Ref(uid, name): Value(column(uid, name)) for name in scope.used[uid]}
