"""The order in which the sources of a SELECT may visit each other."""

from __future__ import annotations

from cdc_daemon.analysis.derive.source_order import rank_sources
from cdc_daemon.analysis.model.dialect import Tree, column, parse
from cdc_daemon.analysis.model.scopes import Scope
from cdc_daemon.analysis.read.build import Builder
from cdc_daemon.analysis.read.context import BuildContext
from cdc_daemon.analysis.read.functions import Functions
from tests.support.analysis_fixtures import CATALOGUE


def ranked(from_: str, *goals: Tree) -> list[str]:
    """The sources, lowest rank first."""
    query = parse(f"SELECT 1 AS one FROM {from_}")
    scope = Builder(BuildContext("feed", CATALOGUE, Functions(CATALOGUE))).build(query)
    assert isinstance(scope, Scope)
    before = rank_sources(scope, goals)
    return sorted(before, key=lambda uid: len(before[uid]))


def test_a_parent_ranks_before_its_children_over_generations() -> None:
    joined = (
        "shop.item i JOIN shop.orders o ON o.id = i.order_id JOIN shop.customer c ON c.id = o.customer_id"
    )
    assert ranked(joined) == ["c", "o", "i"]


def test_of_two_that_are_joined_by_the_keys_of_both_none_is_the_child() -> None:
    joined = "shop.orders o JOIN shop.customer c ON c.id = o.id CROSS JOIN shop.stock s"

    assert ranked(joined) == ["o", "c", "s"]


def test_of_equals_the_one_with_fewer_visits_ranks_lower() -> None:
    joined = (
        "shop.product_store ps JOIN shop.value v ON v.product_id = ps.product_id "
        "JOIN shop.price r ON r.store_id = ps.store_id"
    )
    assert ranked(joined) == ["ps", "v", "r"]
    assert ranked(joined, column("ps", "store_id")) == ["ps", "r", "v"]
