"""How many entities one changed row reaches: a forecast from the planner's statistics.

A route visits tables one after the other. A visit that finds its rows by some columns meets, for one value,
`rows / distinct values` of them; for the most common value as many as its frequency says (the same reckoning
as PostgreSQL's `eqsel`: https://www.postgresql.org/docs/current/row-estimation-examples.html). Along a route
the numbers multiply; of several conditions the most selective one counts alone, for their columns may depend
on each other. So it is a forecast of the order of magnitude, and never more than all entities there are.

A route through a recursion, a subquery, a view or an expression is more than that reckoning knows. Of it the
planner is asked, whose number for the typical row is a guess, and who has none for the worst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cdc_daemon.analysis.model.catalogue import Catalogue, Table, TableName
from cdc_daemon.analysis.model.plan import Occurrence, Route, RouteKind, Visit


@dataclass(frozen=True)
class ColumnStatistics:
    """What `pg_stats` says of a column.

    Attributes:
        distinct: number of different values.
        nulls: share of rows that have none, 0 to 1.
        common: frequencies of the most common values, 0 to 1 each, greatest first.
    """

    distinct: float
    nulls: float = 0.0
    common: tuple[float, ...] = ()


@dataclass(frozen=True)
class TableStatistics:
    """What the planner knows of a table.

    Attributes:
        rows: about how many; None if it was never analysed.
    """

    rows: float | None
    columns: Mapping[str, ColumnStatistics] = field(default_factory=dict[str, ColumnStatistics])


@dataclass(frozen=True)
class Forecast:
    """How many entities one changed row of an occurrence reaches.

    Attributes:
        typical: for the median row; None if it can't be told.
        worst: for the row with the most common values; None if it can't be told.
        not_analysed: tables without the statistics that would tell.
        guessed: the typical number is the planner's guess.
    """

    typical: float | None
    worst: float | None
    not_analysed: tuple[TableName, ...] = ()
    guessed: bool = False


@dataclass(frozen=True)
class _Reach:
    """Rows found for one changed row; None: it can't be told."""

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
    """The forecast for one occurrence.

    Args:
        statistics: of the tables that its routes visit, and of its own.
        entities: about how many entities the feed has; None if that can't be told.
        planner: how many entities PostgreSQL's planner expects of a route from one changed row, if it knows.
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
    if _unique(table, visit.columns):
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


def _unique(table: Table, columns: Sequence[str]) -> bool:
    return any(key and set(key) <= set(columns) for key in (table.primary_key, *table.unique_keys))


def _typical(rows: float, column: ColumnStatistics) -> float:
    """Rows of a value that is none of the most common ones, if there are more such values."""
    share = 1.0 - column.nulls
    others = column.distinct - len(column.common)
    if others > len(column.common):
        return max(0.0, rows * (share - sum(column.common))) / others
    return rows * share / max(1.0, column.distinct)


def _worst(rows: float, column: ColumnStatistics) -> float:
    return rows * column.common[0] if column.common else _typical(rows, column)


def _distinct(statistics: TableStatistics, columns: Sequence[str]) -> float | None:
    """How many different values some columns have together, at least."""
    if statistics.rows is None:
        return None
    found = [statistics.columns[name].distinct for name in columns if name in statistics.columns]
    return max(1.0, *found) if found else None


def _product(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left * right


def about(number: float) -> str:
    """A number as people say it: 1, 37, 3,400, 1.2 million."""
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if number >= size * 0.9995:
            return f"{number / size:.1f}".removesuffix(".0") + f" {name}"
    if number < 100:
        return f"{max(1, round(number))}"
    digits = 10 ** (len(str(int(number))) - 2)
    return f"{round(number / digits) * digits:,}"
