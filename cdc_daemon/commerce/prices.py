"""Prices of products: regular, special, tier and group prices, catalog rule prices."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from cdc_daemon.commerce.attributes import PRODUCT
from cdc_daemon.commerce.kinds import Kind, kind_of
from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.values import VALUE

_WITHOUT_PRICE = (Kind.CONFIGURABLE, Kind.GROUPED, Kind.GIFTCARD, Kind.BUNDLE)


def price_of(product: int) -> float:
    """Return the regular price of a product."""
    return (product * 7919 % 19_900 + 100) / 100


def write(lines: Lines, chance: random.Random, size: Size, products: Iterable[int], today: str) -> None:
    """Add every price of `products`."""
    decimal = lines.into("catalog_product_entity_decimal", *VALUE)
    datetime = lines.into("catalog_product_entity_datetime", *VALUE)
    days = [(date.fromisoformat(today) + timedelta(days=n)).isoformat() for n in (-1, 0, 1)]
    for product in products:
        if kind_of(product, size.products) in _WITHOUT_PRICE:
            continue
        price = price_of(product)
        decimal(product, PRODUCT["price"], 0, f"{price:.2f}")
        if chance.random() < 0.15:
            decimal(product, PRODUCT["special_price"], 0, f"{price * 0.8:.2f}")
            if chance.random() < 0.5:
                datetime(product, PRODUCT["special_from_date"], 0, f"{days[0]} 00:00:00")
                datetime(product, PRODUCT["special_to_date"], 0, f"{days[2]} 00:00:00")
        _tiers(lines, chance, size, product)
        if chance.random() < 0.08:
            _rules(lines, chance, size, product, days)


def _tiers(lines: Lines, chance: random.Random, size: Size, product: int) -> None:
    tier = lines.into(
        *(
            "catalog_product_entity_tier_price",
            "entity_id",
            "all_groups",
            "customer_group_id",
            "qty",
            "value",
        ),
        *("website_id", "percentage_value"),
    )
    price = price_of(product)
    if chance.random() < 0.12:
        for quantity in (5, 10) if chance.random() < 0.5 else (10,):
            tier(product, 1, 0, quantity, f"{price * (1 - quantity / 50):.2f}", 0, None)
    if size.customer_groups > 2 and chance.random() < 0.1:
        group = chance.randrange(2, size.customer_groups)
        if chance.random() < 0.5:
            tier(product, 0, group, 1, f"{price * 0.9:.2f}", 0, None)
        else:
            tier(product, 0, group, 1, 0, 0, 12.5)


def _rules(lines: Lines, chance: random.Random, size: Size, product: int, days: Sequence[str]) -> None:
    """Add rule prices for each of `days`: yesterday, today and tomorrow, as Commerce precomputes them."""
    rule = lines.into(
        *("catalogrule_product_price", "rule_date", "customer_group_id", "product_id", "rule_price"),
        "website_id",
    )
    website = chance.randint(1, size.websites)
    for group in range(size.customer_groups):
        if chance.random() < 0.5:
            for n, day in enumerate(days):
                rule(day, group, product, f"{price_of(product) * (0.95 - n / 100):.2f}", website)
