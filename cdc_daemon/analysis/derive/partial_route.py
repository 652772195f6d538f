"""A route on its way through the query: each stage returns such routes, the query around extends them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.route_builder import Fragment
from cdc_daemon.analysis.model.catalogue import IDENTICAL, TEXTS
from cdc_daemon.analysis.model.collations import FOLDING, collations_of
from cdc_daemon.analysis.model.scopes import Conjunct

Values: TypeAlias = Mapping[int, Value]
"""What a route knows of a query's rows: by the position of an output, an expression that yields it."""


@dataclass(frozen=True, eq=False)
class PartialRoute:
    """A route from a changed row to rows of one query. It yields the entity when that is the whole query.

    Attributes:
        fragment: the FROM and WHERE of the route: the delta, the visits, the conditions.
        values: its SELECT list: the known outputs of the query, by position.
        outer: conditions on columns of the queries around, with the columns of this query replaced by values.
    """

    fragment: Fragment
    values: Values
    outer: Sequence[Conjunct] = ()


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Sets of routes of which one is enough: each set reaches every row that the others reach.

    Which set is the best shows only at the end of the query, so all of them are extended until then.
    """

    sets: tuple[tuple[Partial, ...], ...]


Partial: TypeAlias = PartialRoute | Alternatives


def extended(
    routes: Iterable[Partial], extend: Callable[[PartialRoute], Iterable[Partial]]
) -> Iterator[Partial]:
    """Replace each route by the routes that `extend` makes of it. Repetitions are left out."""
    yielded: dict[Hashable, Partial] = {}
    for route in routes:
        if isinstance(route, Alternatives):
            made: Iterable[Partial] = [
                Alternatives(tuple(tuple(extended(each, extend)) for each in route.sets))
            ]
        else:
            made = extend(route)
        for each in made:
            if yielded.setdefault(_identity(each), each) is each:
                yield each


def _identity(route: Partial) -> Hashable:
    if isinstance(route, PartialRoute):
        return id(route)
    return tuple(tuple(map(_identity, each)) for each in route.sets)


def best(routes: Iterable[Partial]) -> Iterator[PartialRoute]:
    """The routes through the whole query: of each `Alternatives` the first set that binds most."""
    for route in routes:
        if isinstance(route, PartialRoute):
            yield route
        else:
            yield from max((list(best(each)) for each in route.sets), key=_least_bound)


def _least_bound(routes: Sequence[PartialRoute]) -> tuple[int, int, int]:
    """Rank a set of routes: its worst route binds many outputs, few routes bind none, the set is small."""
    bound = [len(route.values) for route in routes]
    return (min(bound, default=0), -bound.count(0), -len(bound))


def merged(values: Values) -> dict[int, Value]:
    """Values after rows of one query were merged, so that the value of another row may stand for a row's own.

    The other value is equal. It is identical only if equal values of its type are identical.
    """
    return {
        n: replace(value, exact=value.exact and _identical(value), hops=frozenset[str]())
        for n, value in values.items()
    }


def _identical(value: Value) -> bool:
    """Whether every value that equals this one has the same bytes."""
    folding = FOLDING in collations_of(value.tree)
    return value.type in IDENTICAL or (value.type in TEXTS and not folding)


def converted(values: Values) -> dict[int, Value]:
    """Values after rows of queries with different column types were merged: 1 may stand as 1.0."""
    return {n: replace(value, exact=False, hops=frozenset[str]()) for n, value in values.items()}
