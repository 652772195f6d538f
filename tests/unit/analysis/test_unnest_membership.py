"""From what agrees with an element of an array the way leads to the rows that have such an array."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from tests.support.analysis_fixtures import CATALOGUE, feed_query


def route(query: str) -> str:
    """That of category."""
    (occurrence,) = (each for each in analyse(feed_query(query), CATALOGUE).occurrences if each.alias == "c")
    (found,) = occurrence.routes
    return " ".join(found.sql.split())


@pytest.mark.parametrize(
    ("tables", "function"),
    [
        ("unnest(p.tags) t(tag) JOIN shop.category c ON c.name = t.tag", "unnest(p.tags) AS elements(tag)"),
        (
            "shop.category c, LATERAL unnest(p.tags) WITH ORDINALITY t(tag, n) WHERE c.name = t.tag",
            "unnest(p.tags) WITH ORDINALITY AS elements(tag, n)",
        ),
        (
            """shop.orders o LEFT JOIN (unnest(p.tags) t(tag) JOIN shop.category c ON c.name = t.tag)
            ON o.id = c.id""",
            "unnest(p.tags) AS elements(tag)",
        ),
        (
            "(VALUES (p.sku), ('x')) v(tag) JOIN shop.category c ON c.name = v.tag",
            "(VALUES (p.sku), ('x')) AS elements(tag)",
        ),
        (
            "shop.category c JOIN LATERAL (VALUES (p.sku, 1)) v(tag, n) ON c.name = v.tag",
            "(VALUES (p.sku, 1)) AS elements(tag, n)",
        ),
        (
            "(SELECT p.sku AS tag UNION ALL SELECT 'x') v JOIN shop.category c ON c.name = v.tag",
            "( SELECT p.sku AS tag UNION ALL SELECT 'x' ) AS elements(tag)",
        ),
    ],
)
def test_a_subquery_over_elements_is_followed_to_who_has_them(tables: str, function: str) -> None:
    query = f"SELECT p.id, (SELECT count(*) FROM {tables}) AS n FROM shop.product p"
    assert route(query) == (
        "SELECT p.id AS id FROM delta JOIN shop.product AS p ON EXISTS( SELECT 1 FROM "
        f"{function} WHERE elements.tag IS NOT DISTINCT FROM delta.name )"
    )


def test_elements_of_a_row_beside_need_no_such_condition() -> None:
    query = """SELECT p.id, c.name FROM shop.product p CROSS JOIN LATERAL unnest(p.tags) t(tag)
        JOIN shop.category c ON c.name = t.tag"""
    assert "elements" not in route(query)


def test_rows_of_a_table_are_not_made_of_columns_around() -> None:
    """They may have changed themselves."""
    query = """SELECT p.id, (SELECT count(*) FROM (SELECT p.sku AS tag FROM shop.store s) v
        JOIN shop.category c ON c.name = v.tag) AS n FROM shop.product p"""
    assert "elements" not in route(query)
