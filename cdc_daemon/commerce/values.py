"""Values of attributes: few that all products have, many that some have, some for each store view."""

from __future__ import annotations

import random
from collections.abc import Iterable

from cdc_daemon.commerce.attributes import OPTIONS, PRODUCT, option
from cdc_daemon.commerce.kinds import BLOCK, Kind, is_variant, kind_of
from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.naming import moment, name, url_key
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.words import COLORS, SENTENCES, SIZES

VALUE = ("entity_id", "attribute_id", "store_id", "value")

_WEIGHTLESS = (Kind.VIRTUAL, Kind.DOWNLOADABLE, Kind.GIFTCARD, Kind.BUNDLE)


def write(lines: Lines, chance: random.Random, size: Size, products: Iterable[int]) -> None:
    """Add all values of `products`, except prices and values that only rare kinds have."""
    for product in products:
        _texts(lines, chance, size, product)
        _numbers(lines, chance, size, product)
        _own(lines, chance, size, product)


def _texts(lines: Lines, chance: random.Random, size: Size, product: int) -> None:
    varchar = lines.into("catalog_product_entity_varchar", *VALUE)
    text = lines.into("catalog_product_entity_text", *VALUE)
    called = name(product, size)
    varchar(product, PRODUCT["name"], 0, called)
    varchar(product, PRODUCT["url_key"], 0, url_key(called))
    if size.store_views > 1 and chance.random() < 0.2:
        view = chance.randint(2, size.store_views)
        varchar(product, PRODUCT["name"], view, f"{called} ({view})")
    if chance.random() < 0.15:
        varchar(product, PRODUCT["meta_title"], 0, f"{called} at a good price")
    text(product, PRODUCT["description"], 0, " ".join(chance.choices(SENTENCES, k=3)))
    if chance.random() < 0.4:
        text(product, PRODUCT["short_description"], 0, chance.choice(SENTENCES))


def _numbers(lines: Lines, chance: random.Random, size: Size, product: int) -> None:
    integer = lines.into("catalog_product_entity_int", *VALUE)
    integer(product, PRODUCT["status"], 0, 1 if chance.random() > 0.04 else 2)
    integer(product, PRODUCT["visibility"], 0, 1 if is_variant(product, size.products) else 4)
    integer(product, PRODUCT["tax_class_id"], 0, 2)
    if kind_of(product, size.products) not in _WEIGHTLESS:
        decimal = lines.into("catalog_product_entity_decimal", *VALUE)
        decimal(product, PRODUCT["weight"], 0, chance.randint(1, 80) / 4)


def _own(lines: Lines, chance: random.Random, size: Size, product: int) -> None:
    """Add values of the attributes that this shop defined itself."""
    integer = lines.into("catalog_product_entity_int", *VALUE)
    if is_variant(product, size.products):
        # Each variant of a family has its own pair of colour and size.
        family, position = divmod(product - 1, BLOCK)
        integer(product, PRODUCT["color"], 0, option("color", position % 3 + family % (len(COLORS) - 2)))
        integer(product, PRODUCT["size"], 0, option("size", position // 3 + family % (len(SIZES) - 1)))
    elif chance.random() < 0.3:
        integer(product, PRODUCT["color"], 0, option("color", chance.randrange(len(COLORS))))
    if chance.random() < 0.25:
        picked = sorted(chance.sample(range(len(OPTIONS["material"])), 2))
        text = lines.into("catalog_product_entity_text", *VALUE)
        text(product, PRODUCT["material"], 0, ",".join(str(option("material", n)) for n in picked))
    if chance.random() < 0.1:
        integer(product, PRODUCT["waterproof"], 0, chance.randint(0, 1))
    if chance.random() < 0.1:
        decimal = lines.into("catalog_product_entity_decimal", *VALUE)
        decimal(product, PRODUCT["height"], 0, chance.randint(10, 2000) / 10)
    if chance.random() < 0.05:
        lines.into("catalog_product_entity_datetime", *VALUE)(
            product, PRODUCT["released"], 0, moment(product)
        )
