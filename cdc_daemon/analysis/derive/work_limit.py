"""A limit on the work for one query: equivalent routes are extended once, and not everything is followed.

A row of a query may have several routes, each of which may have several extensions in the query around. Where
queries with windows stand in one another, their number multiplies with each level, but most routes are
equivalent. These are extended once. The number of the others is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cdc_daemon.analysis.derive.partial_route import Partial, PartialRoute, extended
from cdc_daemon.analysis.model.dialect import Tree, render

MOST_WORK = 1000
"""Most work for one occurrence of a table. A route that is extended to the query around costs one, and
four more for each table that it visits.

None of some four hundred queries of the tests and of published schemas takes more than thirty."""

MOST_WORK_IN_ALL = 4000
"""Most work for all occurrences together."""


@dataclass
class Work:
    """The work done for one query.

    Attributes:
        done: the work for each occurrence whose row changed, by its origin.
    """

    done: dict[int, int] = field(default_factory=dict[int, int])
    _given_up: set[int] = field(default_factory=set[int])
    _rendered: dict[int, tuple[Tree, str]] = field(default_factory=dict[int, tuple[Tree, str]])

    def exhausted(self, origin: int) -> bool:
        """Whether an occurrence has more routes than the limit allows, so that its routes are incomplete."""
        return origin in self._given_up

    def _may_go_on(self, origin: int) -> bool:
        return self.done.get(origin, 0) < MOST_WORK and sum(self.done.values()) < MOST_WORK_IN_ALL

    def extended(
        self, routes: Iterable[Partial], extend: Callable[[PartialRoute], Iterable[Partial]]
    ) -> Iterator[Partial]:
        """Extend routes as `partial_route.extended` does, but extend equivalent routes only once.

        Routes from an occurrence that is exhausted are left out.
        """
        known: dict[Hashable, Sequence[Partial]] = {}

        def once(route: PartialRoute) -> Iterable[Partial]:
            origin = route.fragment.source.origin
            if self.exhausted(origin):
                return ()
            question = self._question(route)
            answer = known.get(question)
            if answer is None:
                if not self._may_go_on(origin):
                    self._given_up.add(origin)
                    return ()
                self.done[origin] = self.done.get(origin, 0) + 1 + 4 * len(route.fragment.hops)
                answer = known[question] = tuple(extend(route))
            return answer

        return extended(routes, once)

    def _question(self, route: PartialRoute) -> Hashable:
        """What decides how a route can be extended: its known columns, their visits, and the reasons for
        missing ones.
        """
        fragment, values = route.fragment, route.values
        trees = [value.tree for value in values.values()]
        conditions = [q.tree for q in route.outer]
        needed = fragment.pruned((*trees, *conditions))
        return (
            id(needed.source),
            () if values else frozenset(fragment.notes),
            needed.closure if needed.closure is None else id(fragment.closure),
            frozenset((hop.uid, self._text(hop.item)) for hop in needed.hops),
            frozenset(map(self._text, needed.conditions)),
            frozenset(map(self._text, needed.guards)),
            tuple(
                (n, self._text(value.tree), value.exact, value.anchored, value.type)
                for n, value in sorted(values.items())
            ),
            tuple(map(self._text, conditions)),
            tuple(
                (
                    q.strict,
                    q.by_equality,
                    None if q.sides is None else tuple((side.given, side.type) for side in q.sides),
                )
                for q in route.outer
            ),
        )

    def _text(self, tree: Tree) -> str:
        known = self._rendered.get(id(tree))
        if known is None:
            known = self._rendered[id(tree)] = tree, render(tree)
        return known[1]
