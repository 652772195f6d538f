"""A whole shop, part by part, in the order of loading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdc_daemon.commerce import attributes, orders, products, reviews, scopes, storefront
from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.size import Size


@dataclass(frozen=True)
class Part:
    """Some rows of the shop.

    Attributes:
        weight: number of products and orders in this part, for a progress bar.
    """

    lines: Lines
    weight: int


def parts(size: Size, *, today: str) -> Iterator[Part]:
    """Yield every row of a shop. One part at a time is in memory.

    Args:
        size: amounts and seed.
        today: ISO date for prices that begin and end. All else depends on the seed alone.
    """
    lines = Lines()
    scopes.write_scopes(lines, size)
    attributes.write(lines, size.store_views)
    categories = scopes.write_categories(lines, size)
    storefront.write_link_types(lines)
    reviews.write(lines, size)
    yield Part(lines, 0)
    writer = products.Products(size, categories, today)
    for first in range(1, size.products + 1, products.BATCH):
        yield Part(writer.batch(first), min(products.BATCH, size.products + 1 - first))
    for first in range(1, size.orders + 1, orders.BATCH):
        yield Part(orders.batch(size, first), min(orders.BATCH, size.orders + 1 - first))
