"""The made-up shop, as rows."""

from __future__ import annotations

from collections import Counter

import pytest

from cdc_daemon.commerce.lines import Target
from cdc_daemon.commerce.shop import parts
from cdc_daemon.commerce.size import Size

SIZE = Size(products=450, store_views=3, websites=2, customer_groups=4, orders=60, seed=7)
TODAY = "2024-05-06"


def rows(size: Size) -> dict[Target, list[str]]:
    found: dict[Target, list[str]] = {}
    for part in parts(size, today=TODAY):
        for target, lines in part.lines:
            found.setdefault(target, []).extend(lines)
    return found


def test_the_same_seed_gives_the_same_rows_and_another_one_others() -> None:
    assert rows(SIZE) == rows(SIZE)
    other = Size(products=450, store_views=3, websites=2, customer_groups=4, orders=60, seed=8)
    assert rows(SIZE) != rows(other)


def test_every_line_has_a_field_for_each_column() -> None:
    for target, lines in rows(SIZE).items():
        fields = {line.count("\t") + 1 for line in lines}
        assert fields == {len(target.columns)}, target.table
        assert not any("\n" in line for line in lines), target.table


def test_a_shop_has_products_of_every_kind_and_few_categories_hold_most() -> None:
    found = rows(SIZE)
    kinds = Counter(
        line.split("\t")[2]
        for target, lines in found.items()
        for line in lines
        if target.table == "catalog_product_entity"
    )
    assert set(kinds) == {
        *("simple", "configurable", "virtual", "downloadable", "bundle", "grouped", "giftcard"),
    }
    places = Counter(
        line.split("\t")[0]
        for target, lines in found.items()
        for line in lines
        if target.table == "catalog_category_product"
    )
    most = sum(count for _, count in places.most_common(max(1, len(places) // 5)))
    assert most > sum(places.values()) * 0.4


@pytest.mark.parametrize("products", [1, 19, 20, 41])
def test_a_shop_may_be_of_any_size(products: int) -> None:
    found = rows(Size(products=products, store_views=1, websites=1, customer_groups=1, orders=2))
    entities = [lines for target, lines in found.items() if target.table == "catalog_product_entity"]
    assert sum(map(len, entities)) == products
