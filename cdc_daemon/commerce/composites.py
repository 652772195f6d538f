"""Rows of the rarer kinds of products: families, bundles, sets, downloads, gift cards, engravings."""

from __future__ import annotations

import random

from cdc_daemon.commerce.attributes import PRODUCT
from cdc_daemon.commerce.kinds import BLOCK, CHILDREN, PARENT, PARTS, Kind, kind_of
from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.prices import price_of
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.values import VALUE


def write(lines: Lines, chance: random.Random, size: Size, start: int) -> None:
    """Add these rows for one full block of products, beginning with product `start`."""
    _family(lines, start)
    for product in range(start + PARENT + 1, start + BLOCK):
        match kind_of(product, size.products):
            case Kind.DOWNLOADABLE:
                _downloadable(lines, product)
            case Kind.BUNDLE:
                _bundle(lines, size, product, [start + position for position in PARTS])
            case Kind.GROUPED:
                _grouped(lines, product, [start + position for position in PARTS])
            case Kind.GIFTCARD:
                _giftcard(lines, chance, product)
            case _ if has_options(product, size):
                _engraving(lines, product)
            case _:
                pass


def has_options(product: int, size: Size) -> bool:
    """Whether the product has custom options, such as an engraving."""
    if (product - 1) % BLOCK <= PARENT:
        return False
    return product % 50 == 0 and kind_of(product, size.products) is Kind.SIMPLE


def _family(lines: Lines, start: int) -> None:
    parent = start + PARENT
    attribute = lines.into("catalog_product_super_attribute", "product_id", "attribute_id", "position")
    attribute(parent, PRODUCT["color"], 0)
    attribute(parent, PRODUCT["size"], 1)
    link = lines.into("catalog_product_super_link", "product_id", "parent_id")
    relation = lines.into("catalog_product_relation", "parent_id", "child_id")
    for position in CHILDREN:
        link(start + position, parent)
        relation(parent, start + position)


def _bundle(lines: Lines, size: Size, product: int, parts: list[int]) -> None:
    integer = lines.into("catalog_product_entity_int", *VALUE)
    integer(product, PRODUCT["price_type"], 0, 0)
    integer(product, PRODUCT["weight_type"], 0, 0)
    integer(product, PRODUCT["price_view"], 0, 0)
    option = lines.into(
        "catalog_product_bundle_option", "option_id", "parent_id", "required", "position", "type"
    )
    title = lines.into(
        "catalog_product_bundle_option_value", "option_id", "store_id", "title", "parent_product_id"
    )
    selection = lines.into(
        *("catalog_product_bundle_selection", "selection_id", "option_id", "parent_product_id", "product_id"),
        *("position", "is_default", "selection_price_value", "selection_qty", "selection_can_change_qty"),
    )
    price = lines.into(
        *("catalog_product_bundle_selection_price", "selection_id", "website_id", "selection_price_value"),
        "parent_product_id",
    )
    relation = lines.into("catalog_product_relation", "parent_id", "child_id")
    option(product, product, 1, 1, "select")
    title(product, 0, "Choose", product)
    for n, part in enumerate(parts):
        selection(part, product, product, part, n, int(n == 0), f"{price_of(part):.2f}", 1, 1)
        relation(product, part)
    if size.websites > 1:
        price(parts[0], 2, f"{price_of(parts[0]) + 1:.2f}", product)


def _grouped(lines: Lines, product: int, parts: list[int]) -> None:
    link = lines.into("catalog_product_link", "link_id", "product_id", "linked_product_id", "link_type_id")
    at = lines.into("catalog_product_link_attribute_int", "product_link_attribute_id", "link_id", "value")
    relation = lines.into("catalog_product_relation", "parent_id", "child_id")
    for n, part in enumerate(parts):
        number = 1_000_000_000 + part  # above the numbers in `products`, which are the products' own
        link(number, product, part, 3)
        at(3, number, n)
        relation(product, part)


def _downloadable(lines: Lines, product: int) -> None:
    integer = lines.into("catalog_product_entity_int", *VALUE)
    integer(product, PRODUCT["links_exist"], 0, 1)
    integer(product, PRODUCT["links_purchased_separately"], 0, 1)
    lines.into("catalog_product_entity_varchar", *VALUE)(product, PRODUCT["links_title"], 0, "Files")
    link = lines.into(
        *("downloadable_link", "link_id", "product_id", "sort_order", "number_of_downloads", "link_url"),
        "link_type",
    )
    title = lines.into("downloadable_link_title", "link_id", "store_id", "title")
    price = lines.into("downloadable_link_price", "link_id", "website_id", "price")
    for n in range(2):
        number = product * 2 + n
        link(number, product, n, 5, f"https://files.example/{number}.pdf", "url")
        title(number, 0, f"Part {n + 1}")
        price(number, 0, f"{1 + n:.2f}")
    sample = lines.into(
        "downloadable_sample", "sample_id", "product_id", "sample_url", "sample_type", "sort_order"
    )
    sample(product, product, f"https://files.example/{product}-sample.pdf", "url", 0)
    lines.into("downloadable_sample_title", "sample_id", "store_id", "title")(product, 0, "The first pages")


def _giftcard(lines: Lines, chance: random.Random, product: int) -> None:
    integer = lines.into("catalog_product_entity_int", *VALUE)
    integer(product, PRODUCT["giftcard_type"], 0, 0)
    integer(product, PRODUCT["allow_open_amount"], 0, 0)
    amount = lines.into("magento_giftcard_amount", "website_id", "value", "entity_id", "attribute_id")
    for value in sorted(chance.sample((10, 25, 50, 100, 200), 3)):
        amount(0, value, product, PRODUCT["open_amount_min"])


def _engraving(lines: Lines, product: int) -> None:
    option = lines.into(
        "catalog_product_option",
        "option_id",
        "product_id",
        "type",
        "is_require",
        "max_characters",
        "sort_order",
    )
    title = lines.into("catalog_product_option_title", "option_id", "store_id", "title")
    price = lines.into("catalog_product_option_price", "option_id", "store_id", "price", "price_type")
    option(product * 2, product, "field", 0, 20, 1)
    title(product * 2, 0, "Engraving")
    price(product * 2, 0, 7, "fixed")
    option(product * 2 + 1, product, "drop_down", 0, 0, 2)
    title(product * 2 + 1, 0, "Wrapping")
    value = lines.into(
        "catalog_product_option_type_value", "option_type_id", "option_id", "sku", "sort_order"
    )
    said = lines.into("catalog_product_option_type_title", "option_type_id", "store_id", "title")
    cost = lines.into(
        "catalog_product_option_type_price", "option_type_id", "store_id", "price", "price_type"
    )
    for n, name in enumerate(("Paper", "Cloth")):
        number = product * 2 + n
        value(number, product * 2 + 1, f"WRAP-{n}", n)
        said(number, 0, name)
        cost(number, 0, 1 + n, "fixed")
