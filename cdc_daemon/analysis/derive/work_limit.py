"""How much work an analysis may take: what is reached twice is followed once, and not everything is followed.

A row of a query may lead on in several ways, each of which may lead on in several ways in the query around.
Where queries with windows stand in one another, their number multiplies from level to level, but most of them
are the same. What is the same is followed once; the rest is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from cdc_daemon.analysis.derive.route_builder import Fragment
from cdc_daemon.analysis.derive.scope_plan import Continue, Finished, Values
from cdc_daemon.analysis.model.dialect import Tree, render
from cdc_daemon.analysis.model.scopes import Conjunct

_Step: TypeAlias = Callable[[Fragment, Values, Sequence[Conjunct]], Iterator[Finished]]

MOST_WORK = 1000
"""So much is followed from one place where a table is read: one for each step from a query into the query
around it, and four for each table that the route visits by then.

Of some four hundred queries of the tests and published ones, none takes more than thirty."""

MOST_WORK_IN_ALL = 4000
"""The same from all places together."""


@dataclass
class Work:
    """What has been done for one query.

    Attributes:
        done: by the origin of the place where a row changed.
    """

    done: dict[int, int] = field(default_factory=dict[int, int])
    _given_up: set[int] = field(default_factory=set[int])
    _rendered: dict[int, tuple[Tree, str]] = field(default_factory=dict[int, tuple[Tree, str]])

    def exhausted(self, origin: int) -> bool:
        """Whether more leads on from a place than is followed, so that its routes are incomplete."""
        return origin in self._given_up

    def _may_go_on(self, origin: int) -> bool:
        return self.done.get(origin, 0) < MOST_WORK and sum(self.done.values()) < MOST_WORK_IN_ALL

    def once(self, step: _Step) -> Continue:
        """A step from a query into the one around, which gives the same answer to the same question."""
        known: dict[Hashable, Sequence[Finished]] = {}

        def answered(fragment: Fragment, values: Values, open_: Sequence[Conjunct]) -> Iterator[Finished]:
            origin = fragment.source.origin
            if self.exhausted(origin):
                return iter(())
            question = self._question(fragment, values, open_)
            answer = known.get(question)
            if answer is None:
                if not self._may_go_on(origin):
                    self._given_up.add(origin)
                    return iter(())
                self.done[origin] = self.done.get(origin, 0) + 1 + 4 * len(fragment.hops)
                # The same route is one object, however it was reached.
                answer = tuple({id(route): route for route in step(fragment, values, open_)}.values())
                known[question] = answer
            return iter(answer)

        return answered

    def _question(self, fragment: Fragment, values: Values, open_: Sequence[Conjunct]) -> Hashable:
        """A route as far as it matters: what it knows, what it needs for that, and why it knows no more."""
        trees = [value.tree for value in values.values()]
        conditions = [q.tree for q in open_]
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
                    q.loose,
                    None if q.sides is None else tuple((side.given, side.type) for side in q.sides),
                )
                for q in open_
            ),
        )

    def _text(self, tree: Tree) -> str:
        known = self._rendered.get(id(tree))
        if known is None:
            known = self._rendered[id(tree)] = tree, render(tree)
        return known[1]
