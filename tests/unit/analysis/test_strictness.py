"""Which operators make nothing of a NULL: an outer join below such a condition is an inner one."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.dialect import parse
from cdc_daemon.analysis.model.plan import RouteKind
from cdc_daemon.analysis.model.scopes import Ref
from cdc_daemon.analysis.read.conjuncts import mark_comparisons, strict_refs
from tests.support.analysis_fixtures import CATALOGUE, feed_query


def is_strict(condition: str, type_: str = "text") -> bool:
    tree = parse(f"SELECT 1 FROM t WHERE {condition}").args["where"].this
    mark_comparisons(tree, {Ref("t", "a"): type_, Ref("t", "b"): type_})
    return Ref("t", "a") in strict_refs(tree)


@pytest.mark.parametrize(
    "condition",
    ["t.a ^@ 'x'", "(@ t.a) = 1", "t.a ? 'x'", "t.a !~ 'x'", "t.a IS NOT NULL"],
)
def test_an_operator_of_postgresql_is_strict(condition: str) -> None:
    assert is_strict(condition)


@pytest.mark.parametrize(
    "condition",
    [
        "t.a OPERATOR(other.<#>) 'x'",
        "t.a OPERATOR(other.=) t.b",
        "(t.a || 'x') = 'y'",
        "t.a IS UNKNOWN",
        "t.a IS NOT TRUE",
        "(t.a, t.a) OVERLAPS (t.b, t.b)",
    ],
)
def test_what_may_make_something_of_a_null_is_not(condition: str) -> None:
    assert not is_strict(condition)


def test_a_comparison_of_a_type_of_its_own_is_strict() -> None:
    assert is_strict("t.a OPERATOR(public.=) t.b", "public.citext")
    assert is_strict("t.a OPERATOR(public.<) 'x'::public.citext", "public.citext")
    assert not is_strict("t.a OPERATOR(public.<#>) t.b", "public.citext")


def test_is_true_does_not_ask_for_null() -> None:
    query = """SELECT p.id, (
            SELECT count(*) FROM shop.stock s WHERE s.product_id = c.id AND (c.id IS TRUE)
        ) AS n FROM shop.product p LEFT JOIN shop.category c ON c.id = p.category_id"""
    (stock,) = (each for each in analyse(feed_query(query), CATALOGUE).occurrences if each.alias == "s")

    assert stock.kind is RouteKind.JOIN
