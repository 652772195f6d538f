"""The stock of products: settings, quantities by source, the index of composite products."""

from __future__ import annotations

import random
from collections.abc import Iterable

from cdc_daemon.commerce.kinds import Kind, kind_of
from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.size import Size

_COMPOSITE = (Kind.CONFIGURABLE, Kind.GROUPED, Kind.BUNDLE)


def write(lines: Lines, chance: random.Random, size: Size, products: Iterable[int]) -> None:
    """Add the stock of `products`. A third of them is also in the second source."""
    item = lines.into(
        *("cataloginventory_stock_item", "product_id", "stock_id", "qty", "is_in_stock", "manage_stock"),
        *("use_config_manage_stock", "backorders", "use_config_backorders"),
    )
    status = lines.into(
        "cataloginventory_stock_status", "product_id", "website_id", "stock_id", "qty", "stock_status"
    )
    source = lines.into("inventory_source_item", "source_code", "sku", "quantity", "status")
    for product in products:
        kind = kind_of(product, size.products)
        quantity = 0 if kind in _COMPOSITE or chance.random() < 0.05 else chance.randint(1, 400)
        in_stock = int(quantity > 0 or kind in _COMPOSITE)
        endless = kind in (Kind.VIRTUAL, Kind.DOWNLOADABLE, Kind.GIFTCARD)
        backorders = chance.random() < 0.05
        item(
            product,
            1,
            quantity,
            in_stock,
            int(not endless),
            int(not endless),
            int(backorders),
            int(not backorders),
        )
        status(product, 0, 1, quantity, in_stock)
        if kind in _COMPOSITE:
            continue
        source("default", f"SKU-{product:07}", quantity, in_stock)
        if chance.random() < 0.3:
            source("east", f"SKU-{product:07}", chance.randint(0, 100), 1)
