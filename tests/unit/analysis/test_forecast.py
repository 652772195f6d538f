"""How many entities one changed row is said to reach, from the statistics of the tables on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cdc_daemon.analysis.model.catalogue import Catalogue, Column, Table, TableName
from cdc_daemon.analysis.model.plan import Occurrence, Route, RouteKind, Visit
from cdc_daemon.analysis.report.forecast import ColumnStatistics, Forecast, TableStatistics, about, forecast

PRODUCT, TAX, PRICE = (TableName("shop", name) for name in ("product", "tax_rate", "price"))


def table(name: TableName, key: str) -> Table:
    columns = {
        each: Column(each, "integer", "integer", not_null=True) for each in (key, "class", "product_id")
    }
    return Table(name, 1, columns, (key,), ((key,),))


CATALOGUE = Catalogue({PRODUCT: table(PRODUCT, "id"), TAX: table(TAX, "id"), PRICE: table(PRICE, "id")})


def reached(
    *routes: Route,
    statistics: dict[TableName, TableStatistics] | None = None,
    entities: float | None = None,
    planner: Callable[[Route], float | None] = lambda _: None,
) -> Forecast:
    occurrence = Occurrence(TAX, "t", ("class",), ("class",), routes)
    return forecast(occurrence, CATALOGUE, statistics or {}, entities, planner)


def join(*visits: Visit, opaque: bool = False) -> Route:
    return Route(RouteKind.JOIN, ("id",), "SELECT 1", None, visits, opaque)


def test_a_direct_route_reaches_one() -> None:
    assert reached(Route(RouteKind.DIRECT, ("id",), "")) == Forecast(1.0, 1.0)


def test_a_visit_by_a_unique_key_finds_one_whatever_the_statistics() -> None:
    assert reached(join(Visit(PRODUCT, ("id",)))) == Forecast(1.0, 1.0)


def test_a_visit_finds_as_many_rows_as_share_a_value() -> None:
    statistics = {PRODUCT: TableStatistics(3_600_000, {"class": ColumnStatistics(3)})}
    assert reached(join(Visit(PRODUCT, ("class",))), statistics=statistics) == Forecast(1_200_000, 1_200_000)


def test_the_most_common_value_is_the_worst_case_and_is_left_out_of_the_typical_one() -> None:
    column = ColumnStatistics(101, nulls=0.1, common=(0.5,))
    found = reached(
        join(Visit(PRODUCT, ("class",))), statistics={PRODUCT: TableStatistics(1000, {"class": column})}
    )
    assert [found.typical, found.worst] == pytest.approx([4.0, 500.0])


def test_visits_one_after_the_other_multiply_and_never_exceed_all_entities() -> None:
    statistics = {
        PRODUCT: TableStatistics(1000, {"class": ColumnStatistics(10)}),
        PRICE: TableStatistics(50_000, {"product_id": ColumnStatistics(1000)}),
    }
    route = join(Visit(PRODUCT, ("class",)), Visit(PRICE, ("product_id",)))
    assert reached(route, statistics=statistics, entities=None) == Forecast(5000, 5000)
    assert reached(route, statistics=statistics, entities=700) == Forecast(700, 700)


def test_of_several_conditions_the_most_selective_one_counts() -> None:
    columns = {"class": ColumnStatistics(10), "product_id": ColumnStatistics(500)}
    route = join(Visit(PRICE, ("class", "product_id")))
    assert reached(route, statistics={PRICE: TableStatistics(1000, columns)}).typical == 2


def test_a_visit_by_nothing_meets_every_row() -> None:
    assert reached(join(Visit(PRODUCT, ())), statistics={PRODUCT: TableStatistics(80)}).worst == 80


def test_without_statistics_it_says_which_table_to_analyse() -> None:
    assert reached(join(Visit(PRODUCT, ("class",)))) == Forecast(None, None, (PRODUCT,))


def test_what_statistics_do_not_tell_stays_open() -> None:
    statistics = {PRODUCT: TableStatistics(80)}
    assert reached(join(Visit(PRODUCT, (), ("lower(name)",))), statistics=statistics) == Forecast(None, None)
    assert reached(join(Visit(TableName("shop", "some_view"), ("id",)))) == Forecast(None, None)
    assert reached(join(opaque=True)) == Forecast(None, None)


def test_of_what_statistics_do_not_tell_the_planner_is_asked() -> None:
    opaque, plain = join(opaque=True), join(Visit(PRODUCT, ("id",)))
    asked: list[Route] = []

    def planner(route: Route) -> float:
        asked.append(route)
        return 40.0

    assert reached(opaque, plain, planner=planner) == Forecast(41.0, None, guessed=True)
    assert asked == [opaque]
    assert reached(opaque, entities=7, planner=planner) == Forecast(7.0, None, guessed=True)
    assert reached(join(Visit(PRICE, ("product_id",))), planner=planner).not_analysed == (PRICE,)
    assert asked == [opaque, opaque]


def test_the_planner_is_not_asked_of_a_route_whose_rows_are_no_entities() -> None:
    whole = Route(RouteKind.ALL, (), "", None, ())
    assert reached(whole, entities=None, planner=lambda _: 40.0) == Forecast(None, None)


def test_every_entity_is_every_entity() -> None:
    assert reached(Route(RouteKind.ALL, (), ""), entities=1e6) == Forecast(1e6, 1e6)
    assert reached(Route(RouteKind.ALL, (), "")) == Forecast(None, None)


def test_a_partial_route_reaches_those_that_share_what_it_binds() -> None:
    statistics = {TAX: TableStatistics(4, {"class": ColumnStatistics(4)})}
    route = Route(RouteKind.PARTIAL, ("class",), "SELECT 1", "…")
    assert reached(route, statistics=statistics, entities=1000) == Forecast(250, 1000)


def test_several_routes_of_one_place_add_up() -> None:
    statistics = {PRODUCT: TableStatistics(100, {"class": ColumnStatistics(10)})}
    routes = (join(Visit(PRODUCT, ("class",))), Route(RouteKind.DIRECT, ("id",), ""))
    assert reached(*routes, statistics=statistics).typical == 11


@pytest.mark.parametrize(
    ("number", "said"),
    [
        *((0.2, "1"), (1, "1"), (37.4, "37"), (137, "140"), (3417, "3,400"), (999_999, "1 million")),
        *((1_234_567, "1.2 million"), (60_000, "60,000"), (2.5e9, "2.5 billion")),
    ],
)
def test_numbers_are_said_as_people_say_them(number: float, said: str) -> None:
    assert about(number) == said
