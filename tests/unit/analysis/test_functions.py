"""What is a value of one row, and what is computed of many."""

from __future__ import annotations

import pytest
from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import Catalogue, Function
from cdc_daemon.analysis.model.dialect import parse
from cdc_daemon.analysis.read.functions import Functions, aggregates_all_rows


def of_one_row(expression: str, *functions: Function) -> bool:
    tree = parse(f"SELECT {expression} FROM t").expressions[0]
    return Functions(Catalogue(functions=functions)).of_one_row(tree)


@pytest.mark.parametrize("expression", ["t.a", "lower(t.a)", "t.a + 1", "shop.best(t.a)"])
def test_a_function_of_columns_is_a_value_of_one_row(expression: str) -> None:
    assert of_one_row(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "max(t.a)",
        "lower(string_agg(t.a, ','))",
        "row_number() OVER (PARTITION BY t.a)",
        "shop.nth(0.5) WITHIN GROUP (ORDER BY t.b)",
        "jsonb_array_elements(t.a)",
        "unnest(t.a)",
        "(SELECT u.b FROM u)",
    ],
)
def test_an_aggregate_a_window_a_set_or_a_subquery_is_none(expression: str) -> None:
    assert not of_one_row(expression)


def test_the_catalogue_tells_of_aggregates_and_sets_that_others_wrote() -> None:
    assert not of_one_row("shop.best(t.a)", Function("shop", "best", "immutable", "aggregate"))
    assert not of_one_row("shop.best(t.a)", Function("shop", "best", "immutable", returns_set=True))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT count(*) FROM t", True),
        ("SELECT 1 + COALESCE(sum(t.a) FILTER (WHERE t.b > 0), 0) FROM t", True),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t.a) FROM t", True),
        ("SELECT sum(count(*)) OVER () FROM t", True),
        ("SELECT count(*) OVER () FROM t", False),
        ("SELECT count(*) FILTER (WHERE t.b > 0) OVER (ORDER BY t.a) FROM t", False),
        ("SELECT count(*) FROM t GROUP BY t.a", False),
        ("SELECT count(*) FROM t GROUP BY ROLLUP (t.a)", False),
        ("SELECT (SELECT count(*) FROM u) FROM t", False),
        ("SELECT lower(t.a) FROM t", False),
    ],
)
def test_an_aggregate_without_groups_makes_one_row_of_all(query: str, expected: bool) -> None:
    tree = parse(query)
    assert isinstance(tree, exp.Select)
    assert aggregates_all_rows(tree, tree.expressions) is expected
