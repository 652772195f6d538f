"""Products: their names, their kinds, and the websites that sell them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cdc_daemon.commerce import composites, prices, stock, storefront, values
from cdc_daemon.commerce.attributes import CLOTHING_SET, DEFAULT_SET
from cdc_daemon.commerce.kinds import BLOCK, Kind, is_variant, kind_of
from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.naming import moment, sku, websites_of
from cdc_daemon.commerce.scopes import Category
from cdc_daemon.commerce.size import Size

BATCH = 2000
"""Products generated at once: a multiple of a block that easily fits into the memory of a small machine."""


class Products:
    """Writes products, batch by batch.

    Args:
        categories: in order, those with most products first.
        today: the date for prices that begin and end, ISO.
    """

    def __init__(self, size: Size, categories: Sequence[Category], today: str) -> None:
        self._size = size
        self._categories = categories
        self._today = today

    def batch(self, first: int) -> Lines:
        """Return the rows of up to `BATCH` products from number `first` on."""
        lines = Lines()
        chance = random.Random(f"{self._size.seed}/products/{first}")  # noqa: S311 # the same rows for a seed
        products = range(first, min(first + BATCH, self._size.products + 1))
        self._entities(lines, products)
        values.write(lines, chance, self._size, products)
        storefront.write(lines, chance, self._size, products, self._categories)
        prices.write(lines, chance, self._size, products, self._today)
        stock.write(lines, chance, self._size, products)
        for start in range(first, products.stop - BLOCK + 1, BLOCK):
            composites.write(lines, chance, self._size, start)
        return lines

    def _entities(self, lines: Lines, products: range) -> None:
        entity = lines.into(
            *("catalog_product_entity", "entity_id", "attribute_set_id", "type_id", "sku", "has_options"),
            *("created_at", "updated_at"),
        )
        sold = lines.into("catalog_product_website", "product_id", "website_id")
        for product in products:
            kind = kind_of(product, self._size.products)
            clothing = kind is Kind.CONFIGURABLE or is_variant(product, self._size.products)
            options = composites.has_options(product, self._size)
            when = moment(product)
            attribute_set = CLOTHING_SET if clothing else DEFAULT_SET
            entity(product, attribute_set, kind.value, sku(product), int(options), when, when)
            for website in websites_of(product, self._size):
                sold(product, website)
