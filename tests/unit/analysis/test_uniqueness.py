"""Whether the catalogue proves that a query yields each key once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import Column, Table, TableName
from tests.support.analysis_fixtures import CATALOGUE, feed_query

PROVED = {
    "a primary key": ("SELECT p.id FROM shop.product p", "id"),
    "a key of each joined table": (
        "SELECT p.id, s.id AS store FROM shop.product p CROSS JOIN shop.store s",
        "id,store",
    ),
    "a join to the one side": (
        "SELECT p.id, c.name FROM shop.product p LEFT JOIN shop.category c ON c.id = p.category_id",
        "id",
    ),
    "groups": (
        "SELECT p.category_id, count(*) AS n FROM shop.product p GROUP BY p.category_id",
        "category_id",
    ),
    "DISTINCT over the key": ("SELECT DISTINCT p.category_id FROM shop.product p", "category_id"),
    "DISTINCT ON the key": (
        "SELECT DISTINCT ON (p.category_id) p.category_id, p.sku FROM shop.product p",
        "category_id",
    ),
    "an aggregate of everything": ("SELECT count(*) AS n FROM shop.product p", "n"),
    "UNION over the key": (
        "SELECT p.id FROM shop.product p UNION SELECT c.id FROM shop.category c",
        "id",
    ),
    "arms that a constant tells apart": (
        "SELECT 1 AS kind, p.id FROM shop.product p UNION ALL SELECT 2 AS kind, c.id FROM shop.category c",
        "kind,id",
    ),
    "an outer join without a match": (
        (
            "SELECT p.id FROM shop.product p LEFT JOIN shop.stock s ON s.product_id = p.id "
            "WHERE s.product_id IS NULL"
        ),
        "id",
    ),
    "a derived table that is grouped": (
        "SELECT t.k FROM (SELECT p.category_id AS k FROM shop.product p GROUP BY p.category_id) t",
        "k",
    ),
}
UNPROVED = {
    "a join to the many side": (
        "SELECT p.id FROM shop.product p JOIN shop.item i ON i.product_id = p.id",
        "id",
    ),
    "a column without a key": ("SELECT p.category_id FROM shop.product p", "category_id"),
    "an aggregate": ("SELECT max(p.price) AS most FROM shop.product p GROUP BY p.category_id", "most"),
    "UNION ALL": ("SELECT p.id FROM shop.product p UNION ALL SELECT c.id FROM shop.category c", "id"),
    "UNION over more than the key": (
        "SELECT p.id, p.sku FROM shop.product p UNION SELECT c.id, c.name FROM shop.category c",
        "id",
    ),
    "a function that unfolds an array": (
        "SELECT p.id, t.tag FROM shop.product p CROSS JOIN LATERAL unnest(p.tags) t(tag)",
        "id,tag",
    ),
    "a set in the output": ("SELECT p.id, unnest(p.tags) AS tag FROM shop.product p", "id"),
    "grouping sets": (
        "SELECT p.category_id FROM shop.product p GROUP BY ROLLUP (p.category_id)",
        "category_id",
    ),
    "grouping sets that are the same": (
        "SELECT p.id FROM shop.product p GROUP BY GROUPING SETS ((p.id), (p.id))",
        "id",
    ),
    "a full join": (
        "SELECT COALESCE(c.id, o.id) AS id FROM shop.category c FULL JOIN shop.orders o ON o.id = c.id",
        "id",
    ),
}


@pytest.mark.parametrize("case", PROVED)
def test_keys_that_are_proved(case: str) -> None:
    query, key = PROVED[case]
    assert analyse(feed_query(query, *key.split(",")), CATALOGUE).unique_key


@pytest.mark.parametrize("case", UNPROVED)
def test_keys_that_are_not_proved(case: str) -> None:
    query, key = UNPROVED[case]
    assert not analyse(feed_query(query, *key.split(",")), CATALOGUE).unique_key


def test_a_key_column_without_not_null_may_be_null() -> None:
    query = (
        "SELECT p.id, c.id AS category FROM shop.product p LEFT JOIN shop.category c ON c.id = p.category_id"
    )
    assert analyse(feed_query(query, "id", "category"), CATALOGUE).nullable_key == ("category",)


def test_a_unique_key_with_null_names_a_row_where_its_columns_are_the_feeds_key() -> None:
    name = TableName("shop", "voucher")
    columns = {each: Column(each, "text", "text", not_null=False) for each in ("code", "owner")}
    voucher = Table(name, 999, columns, unique_keys=(("code",),))
    catalogue = replace(CATALOGUE, tables={**CATALOGUE.tables, name: voucher})

    direct = analyse(feed_query("SELECT v.code, v.owner FROM shop.voucher v", "code"), catalogue)
    assert (direct.unique_key, direct.nullable_key) == (True, ("code",))
    by_null = "SELECT p.id FROM shop.product p JOIN shop.voucher v ON NOT v.code IS DISTINCT FROM p.sku::text"
    assert not analyse(feed_query(by_null, "id"), catalogue).unique_key
