"""Rows of a table that can't matter while the table that they refer to stands still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery, Output, TableName
from cdc_daemon.analysis.model.plan import Occurrence
from tests.support.analysis_fixtures import CATALOGUE


def occurrences(query: str, catalogue: Catalogue = CATALOGUE) -> dict[str, Occurrence]:
    """Each use of a table, by alias."""
    outputs = (Output("id", "integer"),)
    analysis = analyse(FeedQuery("feed", query, query, outputs, ("id",), ("id",)), catalogue)
    return {occurrence.alias: occurrence for occurrence in analysis.occurrences}


def filters(query: str, alias: str) -> dict[str, str]:
    """What changed rows of one use have to fulfil, by the table that must stand still."""
    return {str(each.table): each.sql for each in occurrences(query)[alias].join_filters}


ITEMS = "SELECT i.id FROM shop.item i JOIN shop.orders o ON (o.id = i.order_id)"
ORDERS = TableName("shop", "orders")
LEFT = "SELECT i.id FROM shop.item i LEFT JOIN shop.orders o"


def test_a_row_counts_only_with_a_match_and_the_capture_carries_what_says_so() -> None:
    query = f"{ITEMS} WHERE (o.customer_id = 7)"
    assert filters(query, "i") == {
        "shop.orders": "EXISTS(SELECT FROM shop.orders AS beside "
        "WHERE (beside.id = delta.order_id) AND (beside.customer_id = 7))"
    }
    assert occurrences(query)["i"].links == ("id", "order_id")
    assert filters(query, "o") == {}  # the row of orders is no reference to an item's key


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (ITEMS, "no condition, so hardly a row would be kept out"),
        (f"{ITEMS} WHERE (o.customer_id > i.qty)", "no condition of its own alone"),
        (
            f"{ITEMS.replace('o.id', 'o.customer_id')} WHERE (o.id = 7)",
            "no unique key",
        ),
        (
            f"{LEFT} ON ((o.id = i.order_id) AND (o.customer_id = 7))",
            "without a match the row is in the result all the same",
        ),
        (
            f"{LEFT} ON (o.id = i.order_id) WHERE (o.customer_id IS NULL)",
            "the condition asks for rows without a match, too",
        ),
        (
            f"{LEFT} ON (o.id = i.order_id) LEFT JOIN shop.stock s ON ((s.qty = 1) AND (o.customer_id = 7))",
            "the condition is that of another join",
        ),
        (f"{ITEMS} WHERE (abs(o.customer_id) = 7)", "a call might not say tomorrow what it says today"),
        (
            "SELECT i.id FROM shop.item i JOIN shop.item o ON (o.id = i.order_id) WHERE (o.qty = 7)",
            "it changes whenever the row does",
        ),
        (f"{ITEMS} WHERE (o.customer_id = 7) LIMIT 5", "every entity is recomputed anyway"),
    ],
)
def test_no_row_is_kept_out(query: str, why: str) -> None:
    assert filters(query, "i") == {}, why


@pytest.mark.parametrize("what", [{"kind": "foreign table"}, {"foreign_parts": ("shop.orders_2020",)}])
def test_what_nobody_watches_is_never_known_to_stand_still(what: dict[str, Any]) -> None:
    orders = CATALOGUE.tables[ORDERS]
    catalogue = replace(CATALOGUE, tables={**CATALOGUE.tables, ORDERS: replace(orders, **what)})
    assert occurrences(f"{ITEMS} WHERE (o.customer_id = 7)", catalogue)["i"].join_filters == ()


def test_a_constant_of_the_clock_keeps_no_row_out() -> None:
    query = (
        "SELECT l.position AS id FROM shop.line l JOIN shop.document d ON (d.id = l.document_id) "
        "WHERE (d.changed > '{}'::timestamp with time zone)"
    )
    assert filters(query.format("today"), "l") == {}


def test_a_match_beyond_an_outer_join_that_holds_both_counts() -> None:
    query = (
        "SELECT p.id FROM shop.product p LEFT JOIN (shop.item i JOIN shop.orders o "
        "ON ((o.id = i.order_id) AND (o.customer_id = 7))) ON (i.product_id = p.id)"
    )
    assert list(filters(query, "i")) == ["shop.orders"]


def test_a_filter_of_one_use_of_a_cte_alone_keeps_no_row_out() -> None:
    both = (
        "WITH c AS (SELECT i.id, i.qty FROM shop.item i JOIN shop.orders o ON (o.id = i.order_id) {}) "
        "SELECT a.id FROM c a JOIN c b ON (b.id = a.id)"
    )
    assert list(filters(both.format("WHERE (o.customer_id = 7)"), "i")) == ["shop.orders"]
    assert filters(both.format(""), "i") == {}
