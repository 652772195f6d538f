"""Websites, stores, store views, customer groups, configuration, and the tree of categories."""

from __future__ import annotations

import random
from dataclasses import dataclass

from cdc_daemon.commerce.attributes import CATEGORY
from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.words import ADJECTIVES, DEPARTMENTS, NOUNS

FIRST_CATEGORY = 100
MOMENT = "2024-01-01 00:00:00"
TIMEZONES = ("America/Los_Angeles", "Europe/Vienna", "UTC")
_CONFIGURATION = (
    ("web/secure/base_url", "https://shop.example/"),
    ("currency/options/base", "USD"),
    ("general/locale/weight_unit", "lbs"),
    ("general/locale/timezone", "UTC"),
    ("cataloginventory/item_options/notify_stock_qty", "5"),
    ("catalog/magento_catalogpermissions/enabled", "1"),
    ("catalog/magento_catalogpermissions/grant_catalog_category_view", "1"),
    ("catalog/magento_catalogpermissions/grant_catalog_product_price", "1"),
    ("catalog/magento_catalogpermissions/grant_checkout_items", "1"),
)


def root_category(website: int) -> int:
    """Return the number of a website's root category."""
    return website + 1


def stock_of_website(website: int) -> int:
    """Return the stock of a website: the default stock for the first one; the others share a second stock."""
    return 1 if website == 1 else 2


def write_scopes(lines: Lines, size: Size) -> None:
    """Add websites, stores, store views, customer groups and configuration."""
    website = lines.into(
        "store_website", "website_id", "code", "name", "sort_order", "default_group_id", "is_default"
    )
    group = lines.into(
        "store_group", "group_id", "website_id", "name", "root_category_id", "default_store_id", "code"
    )
    view = lines.into(
        "store", "store_id", "code", "website_id", "group_id", "name", "sort_order", "is_active"
    )
    website(0, "admin", "Admin", 0, 0, 0)
    group(0, 0, "Default", 0, 0, "default")
    view(0, "admin", 0, 0, "Admin", 0, 1)
    channel = lines.into("inventory_stock_sales_channel", "type", "code", "stock_id")
    for n in range(1, size.websites + 1):
        website(n, f"website_{n}", f"Website {n}", n, n, int(n == 1))
        views = size.views_of_website(n)
        group(n, n, f"Store {n}", root_category(n), views[0] if views else 0, f"store_{n}")
        channel("website", f"website_{n}", stock_of_website(n))
    for n in range(1, size.store_views + 1):
        view(n, f"view_{n}", size.website_of_view(n), size.website_of_view(n), f"View {n}", n, 1)
    tax = lines.into("tax_class", "class_id", "class_name", "class_type")
    tax(2, "Taxable Goods", "PRODUCT")
    tax(3, "Retail Customer", "CUSTOMER")
    customers = lines.into("customer_group", "customer_group_id", "customer_group_code", "tax_class_id")
    for n in range(size.customer_groups):
        customers(n, ("NOT LOGGED IN", "General", "Wholesale", "Retailer")[n] if n < 4 else f"Group {n}", 3)
    if size.customer_groups > 2 and size.websites > 1:
        lines.into("customer_group_excluded_website", "customer_group_id", "website_id")(2, 2)
    config = lines.into("core_config_data", "scope", "scope_id", "path", "value")
    for path, value in _CONFIGURATION:
        config("default", 0, path, value)
    for n in range(1, size.websites + 1):
        config("websites", n, "general/locale/timezone", TIMEZONES[(n - 1) % len(TIMEZONES)])
    source = lines.into("inventory_source", "source_code", "name", "enabled")
    stock = lines.into("inventory_stock", "stock_id", "name")
    link = lines.into("inventory_source_stock_link", "stock_id", "source_code", "priority")
    source("default", "Default Source", 1)
    source("east", "East", 1)
    stock(1, "Default Stock")
    stock(2, "Second Stock")
    link(1, "default", 1)
    link(2, "east", 1)
    link(2, "default", 2)


@dataclass(frozen=True)
class Category:
    """A category that can have products."""

    id: int
    path: str
    url_path: str


def write_categories(lines: Lines, size: Size) -> list[Category]:
    """Add three levels of categories below each website's root: few departments, more groups, many shelves.

    Returns:
        The categories that can have products, in order, those with most products first.
    """
    chance = random.Random(f"{size.seed}/categories")  # noqa: S311 # the same rows for the same seed
    entity = lines.into(
        *(
            "catalog_category_entity",
            "entity_id",
            "attribute_set_id",
            "parent_id",
            "path",
            "position",
            "level",
        ),
        *("children_count", "created_at", "updated_at"),
    )
    varchar = lines.into("catalog_category_entity_varchar", "entity_id", "attribute_id", "store_id", "value")
    integer = lines.into("catalog_category_entity_int", "entity_id", "attribute_id", "store_id", "value")
    text = lines.into("catalog_category_entity_text", "entity_id", "attribute_id", "store_id", "value")
    permission = lines.into(
        *("magento_catalogpermissions", "category_id", "website_id", "customer_group_id"),
        *("grant_catalog_category_view", "grant_catalog_product_price", "grant_checkout_items"),
    )
    entity(1, 3, 0, "1", 0, 0, size.websites, MOMENT, MOMENT)
    roots = [Category(root_category(n), f"1/{root_category(n)}", "") for n in range(1, size.websites + 1)]
    children: dict[int, int] = {}
    made: list[tuple[Category, int, int]] = []  # with level and parent
    inner: list[tuple[Category, int]] = [(root, 1) for root in roots]
    for n in range(size.categories):
        # The first categories of a website are departments, the next are groups, the rest are leaves below
        # these.
        wide = len(inner) < size.websites * 9 or chance.random() < 0.1
        parent, level = chance.choice(inner[: size.websites] if len(inner) < size.websites * 5 else inner)
        identity = FIRST_CATEGORY + n
        word = (
            DEPARTMENTS[n % len(DEPARTMENTS)]
            if level == 1
            else f"{chance.choice(ADJECTIVES)} {chance.choice(NOUNS)}s"
        )
        key = f"{word.lower().replace(' ', '-')}-{identity}"
        url_path = f"{parent.url_path}/{key}" if parent.url_path else key
        category = Category(identity, f"{parent.path}/{identity}", url_path)
        children[parent.id] = children.get(parent.id, 0) + 1
        made.append((category, level + 1, parent.id))
        if wide and level < 3:
            inner.append((category, level + 1))
        varchar(identity, CATEGORY["name"], 0, word)
        varchar(identity, CATEGORY["url_key"], 0, key)
        varchar(identity, CATEGORY["url_path"], 0, url_path)
        varchar(identity, CATEGORY["display_mode"], 0, "PRODUCTS")
        integer(identity, CATEGORY["is_active"], 0, int(chance.random() > 0.03))
        integer(identity, CATEGORY["is_anchor"], 0, 1)
        integer(identity, CATEGORY["include_in_menu"], 0, int(level < 3))
        if chance.random() < 0.3:
            text(identity, CATEGORY["description"], 0, f"All of {word.lower()}.")
        if size.store_views > 1 and chance.random() < 0.2:
            view = chance.randint(2, size.store_views)
            varchar(identity, CATEGORY["name"], view, f"{word} ({view})")
        if n % 10 == 3:
            permission(identity, None, chance.randrange(size.customer_groups), -2, -2, -2)
    for root in roots:
        entity(root.id, 3, 1, root.path, root.id, 1, children.get(root.id, 0), MOMENT, MOMENT)
        varchar(root.id, CATEGORY["name"], 0, f"Root {root.id}")
        integer(root.id, CATEGORY["is_active"], 0, 1)
    for position, (category, level, parent_id) in enumerate(made):
        count = children.get(category.id, 0)
        entity(category.id, 3, parent_id, category.path, position, level, count, MOMENT, MOMENT)
    found = [category for category, _, _ in made]
    chance.shuffle(found)
    return found
