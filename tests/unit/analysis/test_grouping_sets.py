"""The sets of keys by which a GROUP BY groups, and one SELECT for each of them."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.model.dialect import parse, render
from cdc_daemon.analysis.model.scopes import Body, Scope, SetOperation
from cdc_daemon.analysis.read.build import Builder
from cdc_daemon.analysis.read.context import BuildContext, NotUnderstood
from cdc_daemon.analysis.read.functions import Functions
from cdc_daemon.analysis.read.grouping_sets import grouping_sets
from tests.support.analysis_fixtures import CATALOGUE


def sets(clause: str) -> list[str] | None:
    """Each set as its keys in a row."""
    found = grouping_sets(parse(f"SELECT 1 FROM t GROUP BY {clause}").args["group"])
    return None if found is None else ["".join(map(render, each)) for each in found]


def built(query: str) -> Body:
    return Builder(BuildContext("feed", CATALOGUE, Functions(CATALOGUE))).build(parse(query))


def arms(query: str) -> list[Scope]:
    body = built(query)
    assert isinstance(body, SetOperation)
    return [arm for arm in body.arms if isinstance(arm, Scope)]


def outputs(query: str) -> list[tuple[str, ...]]:
    """What each of the SELECTs yields."""
    return [tuple(map(render, arm.outputs)) for arm in arms(query)]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("a, b", None),
        ("ROLLUP (a, b)", ["ab", "a", ""]),
        ("ROLLUP ((a, b), c)", ["abc", "ab", ""]),
        ("CUBE (a, b, c)", ["abc", "ab", "ac", "bc", "a", "b", "c", ""]),
        ("CUBE ((a, b), c)", ["abc", "ab", "c", ""]),
        ("GROUPING SETS ((a, b), a, ())", ["ab", "a", ""]),
        ("GROUPING SETS (ROLLUP (a), GROUPING SETS (b, (c)))", ["a", "", "b", "c"]),
        ("a, ROLLUP (b)", ["ab", "a"]),
        ("ROLLUP (a), CUBE (b)", ["ab", "a", "b", ""]),
    ],
)
def test_each_combination_of_the_elements_is_a_set(clause: str, expected: list[str] | None) -> None:
    assert sets(clause) == expected


def test_of_too_many_sets_none_is_followed() -> None:
    assert len(sets("CUBE (a, b, c, d, e, f)") or ()) == 64
    with pytest.raises(NotUnderstood, match="128 grouping sets"):
        sets("CUBE (a, b, c, d, e, f, g)")


def test_a_key_that_a_set_leaves_out_is_null_of_its_type() -> None:
    query = "SELECT i.qty, i.qty + 1 AS next, i.id FROM shop.item i GROUP BY i.id, ROLLUP (i.qty)"

    assert outputs(query) == [("i.qty", "i.qty + 1", "i.id"), ("NULL", "CAST(NULL AS integer) + 1", "i.id")]


def test_grouping_is_a_number_with_a_bit_for_each_key_the_first_of_them_the_highest() -> None:
    query = "SELECT GROUPING(p.id, p.sku) AS g FROM shop.product p GROUP BY ROLLUP (p.id, p.sku)"

    assert outputs(query) == [("0",), ("1",), ("3",)]
    assert [arm.bindable for arm in arms(query)] == [(True,)] * 3


def test_sets_that_yield_the_same_are_one() -> None:
    query = "SELECT p.id, count(*) AS n FROM shop.product p GROUP BY p.id, CUBE (p.sku, p.price)"

    assert outputs(query) == [("p.id", "count(*)")]


def test_a_limit_is_of_all_sets_together() -> None:
    body = built("SELECT p.id FROM shop.product p GROUP BY ROLLUP (p.id) ORDER BY p.id LIMIT 1")

    assert isinstance(body, SetOperation)
    assert body.limit is not None


def test_a_subquery_that_sees_the_keys_as_they_are_after_grouping_is_not_followed() -> None:
    query = (
        "SELECT p.id, (SELECT count(*) AS n FROM shop.stock s WHERE s.product_id = {}) AS n "
        "FROM shop.product p GROUP BY ROLLUP (p.id)"
    )
    assert len(arms(query.format("1"))) == 2
    with pytest.raises(NotUnderstood, match="a subquery over the keys of grouping sets"):
        built(query.format("p.id"))


def test_a_subquery_that_sees_the_rows_before_is_followed() -> None:
    query = (
        "SELECT p.id FROM shop.product p WHERE EXISTS (SELECT FROM shop.stock s WHERE s.product_id = p.id) "
        "GROUP BY ROLLUP (p.id)"
    )
    assert len(arms(query)) == 2


def test_a_window_over_the_sets_is_not_followed() -> None:
    query = "SELECT p.id, rank() OVER (ORDER BY p.id) AS place FROM shop.product p GROUP BY ROLLUP (p.id)"

    with pytest.raises(NotUnderstood, match="over grouping sets"):
        built(query)
