"""Queries that stand in one another are analysed in polynomial time, or not followed to the end."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.derive.scope_plan import Demand
from cdc_daemon.analysis.derive.walk import walk
from cdc_daemon.analysis.derive.work_limit import Work
from cdc_daemon.analysis.model.dialect import parse
from cdc_daemon.analysis.model.plan import RouteKind
from cdc_daemon.analysis.read.build import Builder
from cdc_daemon.analysis.read.context import BuildContext
from cdc_daemon.analysis.read.functions import Functions
from tests.support.analysis_fixtures import CATALOGUE, feed_query

# The package exports the function of that name.
analyse_module = importlib.import_module("cdc_daemon.analysis.analyse")
INNERMOST = "SELECT t.id, t.category_id, t.price FROM shop.product t"


def windows(levels: int, *keys: str) -> str:
    query = INNERMOST
    for n in range(levels):
        query = (
            f"SELECT q.id, q.category_id, q.price, row_number() OVER (PARTITION BY q.{keys[n % len(keys)]} "
            f"ORDER BY q.id) AS r{n} FROM ({query}) q"
        )
    return query


def work_of(query: str) -> int:
    body = Builder(BuildContext("feed", CATALOGUE, Functions(CATALOGUE))).build(parse(query))
    work = Work()
    for _ in walk(body, Demand(frozenset({0}), frozenset({0})), work):
        pass
    return sum(work.done.values())


def test_the_work_of_stacked_windows_grows_with_the_square_of_their_number() -> None:
    few, many = (work_of(windows(levels, "category_id")) for levels in (4, 8))
    assert few < many < 5 * few


def test_each_of_stacked_windows_adds_two_routes() -> None:
    """The partition's rows by an equal key, and by NULL."""
    for levels in (1, 4, 8):
        (occurrence,) = analyse(feed_query(windows(levels, "category_id")), CATALOGUE).occurrences
        assert len(occurrence.routes) == 2 * levels + 1
        assert occurrence.kind is RouteKind.JOIN


def test_windows_by_the_entity_take_no_other_route() -> None:
    (occurrence,) = analyse(feed_query(windows(8, "id")), CATALOGUE).occurrences
    assert occurrence.kind is RouteKind.DIRECT


def test_windows_by_several_columns_are_followed_as_far_as_the_work_is_bounded() -> None:
    few, many = (
        analyse(feed_query(windows(levels, "category_id", "price")), CATALOGUE).occurrences
        for levels in (3, 6)
    )
    assert few[0].kind is RouteKind.JOIN
    assert many[0].kind is RouteKind.ALL
    assert many[0].links == ()
    assert "more ways lead from it than are followed" in (many[0].reason or "")


def test_no_route_is_written_for_a_table_that_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    before = analyse_module.statement

    def statement(*arguments: Any) -> object:
        written.append(arguments)
        return before(*arguments)

    monkeypatch.setattr(analyse_module, "statement", statement)
    analyse(feed_query(windows(6, "category_id", "price")), CATALOGUE)
    assert len(written) == 1  # that of `all`


@pytest.mark.parametrize("levels", [20, 60])
def test_ctes_that_read_each_other_twice_are_not_copied_without_end(levels: int) -> None:
    ctes = "".join(
        f", c{n} AS (SELECT a.id, b.category_id FROM c{n - 1} a JOIN c{n - 1} b ON b.id = a.category_id)"
        for n in range(1, levels + 1)
    )
    query = f"WITH c0 AS ({INNERMOST}){ctes} SELECT c{levels}.id FROM c{levels}"
    occurrences = analyse(feed_query(query), CATALOGUE).occurrences
    assert {each.kind for each in occurrences} == {RouteKind.ALL}
    assert "400 SELECTs" in (occurrences[0].reason or "")


def test_sixty_ctes_that_are_read_twice_each_are_followed() -> None:
    ctes = ", ".join(f"c{n} AS (SELECT t.id, t.category_id FROM shop.product t)" for n in range(60))
    joins = " ".join(
        f"LEFT JOIN c{n} a{n} ON a{n}.id = p.id LEFT JOIN c{n} b{n} ON b{n}.category_id = p.id"
        for n in range(60)
    )
    query = f"WITH {ctes} SELECT p.id FROM shop.product p {joins}"
    occurrences = analyse(feed_query(query), CATALOGUE).occurrences
    assert len(occurrences) == 61
    assert {each.kind for each in occurrences} == {RouteKind.DIRECT}
