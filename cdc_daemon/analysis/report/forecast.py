"""A forecast from the planner's statistics: how many entities one changed row reaches.

A route visits tables one after the other. For one value of its lookup columns, a visit meets `rows / distinct
values` rows; for the most common value, the share that its frequency gives. PostgreSQL's `eqsel` reckons the
same (https://www.postgresql.org/docs/current/row-estimation-examples.html). Along a route the numbers
multiply. Of several conditions only the most selective counts, because their columns may be correlated. So
the forecast is an order of magnitude, at most the number of all entities.

A route through a recursion, subquery, view or expression can't be forecast like this. For such a route the
planner's own estimate serves for the typical row, and there is no number for the worst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cdc_daemon.analysis.model.catalogue import Catalogue, TableName
from cdc_daemon.analysis.model.plan import Occurrence, Route, RouteKind, Visit


@dataclass(frozen=True)
class ColumnStatistics:
    """The statistics of a column in `pg_stats`.

    Attributes:
        distinct: the number of different values.
        nulls: the fraction of rows with NULL, 0 to 1.
        common: the frequencies of the most common values, 0 to 1 each, the greatest first.
    """

    distinct: float
    nulls: float = 0.0
    common: tuple[float, ...] = ()


@dataclass(frozen=True)
class TableStatistics:
    """The planner's statistics of a table.

    Attributes:
        rows: the approximate number of rows; None if the table was never analysed.
    """

    rows: float | None
    columns: Mapping[str, ColumnStatistics] = field(default_factory=dict[str, ColumnStatistics])


@dataclass(frozen=True)
class Forecast:
    """The number of entities that one changed row of an occurrence reaches.

    Attributes:
        typical: for the median row; None if unknown.
        worst: for the row with the most common values; None if unknown.
        not_analysed: the tables that lack the statistics for a forecast.
        guessed: whether the typical number is the planner's estimate.
    """

    typical: float | None
    worst: float | None
    not_analysed: tuple[TableName, ...] = ()
    guessed: bool = False


@dataclass(frozen=True)
class _Reach:
    """The number of rows found for one changed row; None if unknown."""

    typical: float | None
    worst: float | None

    def times(self, other: _Reach) -> _Reach:
        return _Reach(_product(self.typical, other.typical), _product(self.worst, other.worst))


_WHOLE = frozenset({RouteKind.DIRECT, RouteKind.JOIN})
"""Routes of which a row is an entity."""

_ONE = _Reach(1.0, 1.0)
_UNKNOWN = _Reach(None, None)


def forecast(
    occurrence: Occurrence,
    catalogue: Catalogue,
    statistics: Mapping[TableName, TableStatistics],
    entities: float | None,
    planner: Callable[[Route], float | None] = lambda _: None,
) -> Forecast:
    """Forecast one occurrence.

    Args:
        statistics: the statistics of its table, and of the tables that its routes visit.
        entities: the approximate number of entities of the feed; None if unknown.
        planner: the planner's estimate for a route from one changed row, if there is one.
    """
    lacking: list[TableName] = []
    reaches = [
        _route(route, occurrence, catalogue, statistics, entities, lacking) for route in occurrence.routes
    ]
    guessed = False
    if not lacking:
        guesses = [
            _Reach(planner(route), None) if reach.typical is None and route.kind in _WHOLE else reach
            for route, reach in zip(occurrence.routes, reaches, strict=True)
        ]
        guessed, reaches = guesses != reaches, guesses
    return Forecast(
        _all_together([reach.typical for reach in reaches], entities),
        _all_together([reach.worst for reach in reaches], entities),
        tuple(dict.fromkeys(lacking)),
        guessed,
    )


def _all_together(numbers: Sequence[float | None], entities: float | None) -> float | None:
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    total = sum(known)
    return total if entities is None else min(total, entities)


def _route(
    route: Route,
    occurrence: Occurrence,
    catalogue: Catalogue,
    statistics: Mapping[TableName, TableStatistics],
    entities: float | None,
    lacking: list[TableName],
) -> _Reach:
    if route.kind is RouteKind.ALL:
        return _Reach(entities, entities)
    reach = _UNKNOWN if route.opaque else _ONE
    for visit in route.visits:
        reach = reach.times(_visit(visit, catalogue, statistics, lacking))
    if route.kind is RouteKind.PARTIAL:
        # The values that it binds are shared by as many entities as there are for one of the row's links.
        own = statistics.get(occurrence.table, TableStatistics(None))
        values = _distinct(own, occurrence.links)
        if values is None:
            lacking.append(occurrence.table)
        share = None if entities is None or values is None else max(1.0, entities / values)
        return _Reach(share, entities)
    return reach


def _visit(
    visit: Visit,
    catalogue: Catalogue,
    statistics: Mapping[TableName, TableStatistics],
    lacking: list[TableName],
) -> _Reach:
    table = catalogue.tables.get(visit.table)
    if table is None:  # a view: what it holds for one value is its query's affair
        return _UNKNOWN
    if table.has_key_in(visit.columns):
        return _ONE
    known = statistics.get(visit.table, TableStatistics(None))
    if known.rows is None:
        lacking.append(visit.table)
        return _UNKNOWN
    columns = [known.columns[name] for name in visit.columns if name in known.columns]
    if not columns:
        # Found by nothing, every row is met; of an expression statistics tell nothing.
        return _UNKNOWN if visit.expressions and known.rows else _Reach(known.rows, known.rows)
    return _Reach(
        min(_typical(known.rows, column) for column in columns),
        min(_worst(known.rows, column) for column in columns),
    )


def _typical(rows: float, column: ColumnStatistics) -> float:
    """The rows of a value that is not one of the most common ones, if there are such values."""
    share = 1.0 - column.nulls
    others = column.distinct - len(column.common)
    if others > len(column.common):
        return max(0.0, rows * (share - sum(column.common))) / others
    return rows * share / max(1.0, column.distinct)


def _worst(rows: float, column: ColumnStatistics) -> float:
    return rows * column.common[0] if column.common else _typical(rows, column)


def _distinct(statistics: TableStatistics, columns: Sequence[str]) -> float | None:
    """The least number of different values of some columns together."""
    if statistics.rows is None:
        return None
    found = [statistics.columns[name].distinct for name in columns if name in statistics.columns]
    return max(1.0, *found) if found else None


def _product(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left * right


def about(number: float) -> str:
    """A number in a short form for people: 1, 37, 3,400, 1.2 million."""
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if number >= size * 0.9995:
            return f"{number / size:.1f}".removesuffix(".0") + f" {name}"
    if number < 100:
        return f"{max(1, round(number))}"
    digits = 10 ** (len(str(int(number))) - 2)
    return f"{round(number / digits) * digits:,}"
