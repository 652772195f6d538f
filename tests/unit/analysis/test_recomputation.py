"""Which tables the recomputation of an entity reaches, and by which columns."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from tests.support.analysis_fixtures import CATALOGUE, feed_query

Found = list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]]


def found(query: str, *entity: str) -> Found:
    visits = analyse(feed_query(query, *entity), CATALOGUE).joined_lookups
    return [(visit.table.name, visit.columns, visit.expressions, visit.constants) for visit in visits]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            (
                "SELECT p.id, (SELECT sum(s.qty) AS n FROM shop.stock s WHERE s.product_id = p.id) AS n "
                "FROM shop.product p"
            ),
            [("stock", ("product_id",), (), ())],
        ),
        (
            (
                "SELECT p.id FROM shop.product p WHERE NOT EXISTS "
                "(SELECT 1 FROM shop.item i WHERE i.product_id = p.id)"
            ),
            [("item", ("product_id",), (), ())],
        ),
        (
            (
                "SELECT p.id, l.qty FROM shop.product p CROSS JOIN LATERAL "
                "(SELECT i.qty FROM shop.item i WHERE i.product_id = p.id ORDER BY i.id LIMIT 1) l"
            ),
            [("item", ("product_id",), (), ())],
        ),
        (
            (
                "SELECT p.id, o.customer_id FROM shop.product p JOIN shop.item i ON i.product_id = p.id "
                "JOIN shop.orders o ON o.id = i.order_id"
            ),
            [("item", ("product_id",), (), ()), ("orders", ("id",), (), ())],
        ),
        (
            (
                "SELECT p.id, v.content FROM shop.product p LEFT JOIN shop.value v "
                "ON v.product_id = p.id AND v.attribute_id = 73"
            ),
            [("value", ("product_id",), (), ("attribute_id",))],
        ),
        (
            "SELECT p.id, c.name FROM shop.product p JOIN shop.category c ON lower(c.name) = p.sku",
            [("category", (), ("lower(name)",), ())],
        ),
        (
            (
                "SELECT p.id, t.n FROM shop.product p JOIN "
                "(SELECT i.product_id, i.qty AS n FROM shop.item i) t ON t.product_id = p.id"
            ),
            [("item", ("product_id",), (), ())],
        ),
        (
            (
                "SELECT p.id, t.n FROM shop.product p JOIN (SELECT i.product_id, sum(i.qty) AS n "
                "FROM shop.item i GROUP BY i.product_id) t ON t.product_id = p.id"
            ),
            [],
        ),
        ("SELECT p.id, s.code FROM shop.product p CROSS JOIN shop.store s", []),
        (
            (
                "SELECT p.id FROM shop.product p JOIN shop.item i ON i.product_id = p.id "
                "UNION ALL SELECT c.id FROM shop.category c JOIN shop.category d ON d.parent_id = c.id"
            ),
            [("item", ("product_id",), (), ()), ("category", ("parent_id",), (), ())],
        ),
    ],
)
def test_tables_are_reached_by_the_equalities_of_the_query(query: str, expected: Found) -> None:
    assert found(query, "id") == expected


def test_inside_a_derived_table_the_entity_is_given_and_leads_on() -> None:
    query = (
        "SELECT t.id, t.qty FROM (SELECT p.id, i.qty FROM shop.product p "
        "JOIN shop.item i ON i.product_id = p.id) t"
    )
    assert found(query, "id") == [("item", ("product_id",), (), ())]
