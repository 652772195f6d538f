"""The attributes of the shop: those that the feeds know by their codes, and some of its own."""

from __future__ import annotations

from typing import NamedTuple

from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.words import COLORS, MATERIALS, SIZES

CATEGORY_TYPE, PRODUCT_TYPE = 3, 4
DEFAULT_SET, CLOTHING_SET = 4, 9


class Attribute(NamedTuple):
    """A row of eav_attribute. `scope` is the column is_global: 0 store view, 1 global, 2 website."""

    id: int
    entity_type: int
    code: str
    backend: str
    input: str | None
    label: str
    scope: int = 1
    own: bool = False


_C, _P = CATEGORY_TYPE, PRODUCT_TYPE
ATTRIBUTES = (
    Attribute(45, _C, "name", "varchar", "text", "Name", 0),
    Attribute(46, _C, "is_active", "int", "select", "Is Active", 0),
    Attribute(47, _C, "description", "text", "textarea", "Description", 0),
    Attribute(49, _C, "meta_title", "varchar", "text", "Page Title", 0),
    Attribute(52, _C, "display_mode", "varchar", "select", "Display Mode", 0),
    Attribute(54, _C, "is_anchor", "int", "select", "Is Anchor"),
    Attribute(59, _C, "available_sort_by", "text", "multiselect", "Available Product Listing Sort By", 0),
    Attribute(60, _C, "default_sort_by", "varchar", "select", "Default Product Listing Sort By", 0),
    Attribute(61, _C, "include_in_menu", "int", "select", "Include in Navigation Menu", 0),
    Attribute(62, _C, "url_key", "varchar", "text", "URL Key", 0),
    Attribute(63, _C, "url_path", "varchar", "text", "URL Path", 0),
    Attribute(73, _P, "name", "varchar", "text", "Product Name", 0),
    Attribute(74, _P, "sku", "static", "text", "SKU"),
    Attribute(75, _P, "description", "text", "textarea", "Description", 0),
    Attribute(76, _P, "short_description", "text", "textarea", "Short Description", 0),
    Attribute(77, _P, "price", "decimal", "price", "Price", 2),
    Attribute(78, _P, "special_price", "decimal", "price", "Special Price", 2),
    Attribute(79, _P, "special_from_date", "datetime", "date", "Special Price From Date", 2),
    Attribute(80, _P, "special_to_date", "datetime", "date", "Special Price To Date", 2),
    Attribute(82, _P, "weight", "decimal", "weight", "Weight"),
    Attribute(84, _P, "meta_title", "varchar", "text", "Meta Title", 0),
    Attribute(87, _P, "image", "varchar", "media_image", "Base", 0),
    Attribute(88, _P, "small_image", "varchar", "media_image", "Small", 0),
    Attribute(89, _P, "thumbnail", "varchar", "media_image", "Thumbnail", 0),
    Attribute(90, _P, "media_gallery", "static", "gallery", "Media Gallery"),
    Attribute(93, _P, "color", "int", "select", "Color", 1, own=True),
    Attribute(97, _P, "status", "int", "select", "Enable Product", 2),
    Attribute(99, _P, "visibility", "int", "select", "Visibility", 0),
    Attribute(113, _P, "price_view", "int", "select", "Price View"),
    Attribute(114, _P, "price_type", "int", "boolean", "Dynamic Price"),
    Attribute(115, _P, "weight_type", "int", "boolean", "Dynamic Weight"),
    Attribute(119, _P, "url_key", "varchar", "text", "URL Key", 0),
    Attribute(121, _P, "links_purchased_separately", "int", None, "Links can be purchased separately"),
    Attribute(122, _P, "samples_title", "varchar", None, "Samples title", 0),
    Attribute(123, _P, "links_title", "varchar", None, "Links title", 0),
    Attribute(124, _P, "links_exist", "int", None, "Links exist"),
    Attribute(126, _P, "tax_class_id", "int", "select", "Tax Class", 2),
    Attribute(127, _P, "giftcard_type", "int", "select", "Card Type"),
    Attribute(128, _P, "allow_open_amount", "int", "select", "Open Amount", 2),
    Attribute(129, _P, "open_amount_min", "decimal", "price", "Open Amount From", 2),
    Attribute(130, _P, "open_amount_max", "decimal", "price", "Open Amount To", 2),
    Attribute(140, _P, "size", "int", "select", "Size", 1, own=True),
    Attribute(141, _P, "material", "text", "multiselect", "Material", 1, own=True),
    Attribute(142, _P, "waterproof", "int", "boolean", "Waterproof", 1, own=True),
    Attribute(143, _P, "height", "decimal", "text", "Height", 1, own=True),
    Attribute(144, _P, "care", "varchar", "text", "Care", 0, own=True),
    Attribute(145, _P, "released", "datetime", "date", "Released", 1, own=True),
)
PRODUCT = {each.code: each.id for each in ATTRIBUTES if each.entity_type == PRODUCT_TYPE}
CATEGORY = {each.code: each.id for each in ATTRIBUTES if each.entity_type == CATEGORY_TYPE}

OPTIONS = {"color": COLORS, "size": SIZES, "material": MATERIALS}
"""Labels of the options, by code of the shop's own attribute."""


def option(code: str, position: int) -> int:
    """Return the option_id of option number `position` of an attribute in `OPTIONS`."""
    return PRODUCT[code] * 100 + position


def write(lines: Lines, store_views: int) -> None:
    """Add the rows that describe the attributes."""
    add = lines.into(
        "eav_entity_type", "entity_type_id", "entity_type_code", "entity_table", "default_attribute_set_id"
    )
    add(CATEGORY_TYPE, "catalog_category", "catalog_category_entity", 3)
    add(PRODUCT_TYPE, "catalog_product", "catalog_product_entity", DEFAULT_SET)
    add = lines.into("eav_attribute_set", "attribute_set_id", "entity_type_id", "attribute_set_name")
    add(3, CATEGORY_TYPE, "Default")
    add(DEFAULT_SET, PRODUCT_TYPE, "Default")
    add(CLOTHING_SET, PRODUCT_TYPE, "Clothing")
    attribute = lines.into(
        *("eav_attribute", "attribute_id", "entity_type_id", "attribute_code", "backend_type"),
        *("frontend_input", "frontend_label", "is_user_defined"),
    )
    more = lines.into(
        *("catalog_eav_attribute", "attribute_id", "is_global", "is_searchable", "is_filterable"),
        *("is_visible_on_front", "used_in_product_listing", "search_weight"),
    )
    for each in ATTRIBUTES:
        attribute(each.id, each.entity_type, each.code, each.backend, each.input, each.label, int(each.own))
        own = int(each.own)
        more(each.id, each.scope, own, own, own, own, 3 if each.code == "name" else 1)
    label = lines.into("eav_attribute_label", "attribute_id", "store_id", "value")
    choice = lines.into("eav_attribute_option", "option_id", "attribute_id", "sort_order")
    said = lines.into("eav_attribute_option_value", "option_id", "store_id", "value")
    for code, labels in OPTIONS.items():
        for view in range(2, store_views + 1):
            label(PRODUCT[code], view, f"{code.capitalize()} ({view})")
        for position, text in enumerate(labels):
            choice(option(code, position), PRODUCT[code], position)
            said(option(code, position), 0, text)
            if position % 2:
                said(option(code, position), store_views, f"{text} ({store_views})")
    swatch = lines.into("eav_attribute_option_swatch", "option_id", "store_id", "type", "value")
    for position in range(len(COLORS)):
        swatch(option("color", position), 0, 1, f"#{position * 0x1F1F1F % 0xFFFFFF:06x}")
