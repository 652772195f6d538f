"""For every table that a feed reads: rows of the shop, and what an UPDATE makes of each.

Each row is updated, deleted and inserted as it was, alone. For every feed that reads the table at least one
of its rows changes a document.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A row by a condition, and the assignments of an UPDATE."""

    where: str
    update: str


CHANGES: dict[str, list[Row]] = {
    "store_website": [Row("website_id = 1", "code = 'renamed'"), Row("website_id = 2", "code = 'outlet2'")],
    "store_group": [
        Row("group_id = 1", "code = 'renamed'"),
        Row("group_id = 2", "root_category_id = 2, default_store_id = 0"),
    ],
    "store": [Row("store_id = 2", "code = 'at'"), Row("store_id = 3", "website_id = 1")],
    "tax_class": [Row("class_id = 2", "class_name = 'Other'")],
    "customer_group": [Row("customer_group_id = 1", "customer_group_id = 7")],
    "customer_group_excluded_website": [Row("customer_group_id = 2", "website_id = 1")],
    "core_config_data": [
        Row("path = 'web/secure/base_url' AND scope = 'default'", "value = 'https://new.test/'"),
        Row("path = 'currency/options/base' AND scope = 'websites'", "value = 'CHF'"),
        # At any time of the day it is another day in one of the two.
        Row("path = 'general/locale/timezone' AND scope = 'websites'", "value = 'Etc/GMT+12'"),
        Row("path = 'general/locale/timezone' AND scope = 'websites'", "value = 'Etc/GMT-14'"),
        Row("path = 'cataloginventory/item_options/notify_stock_qty'", "value = '500'"),
        Row("path LIKE '%permissions/grant_checkout_items'", "value = '0'"),
        Row("path LIKE '%permissions/enabled'", "value = '0'"),
        Row("path = 'design/head/default_title'", "value = 'Nobody reads it'"),
    ],
    "url_rewrite": [Row("request_path = 'lights/desk-lamp.html'", "request_path = 'l.html'")],
    "eav_entity_type": [Row("entity_type_id = 4", "entity_type_code = 'renamed'")],
    "eav_attribute_set": [Row("attribute_set_id = 9", "attribute_set_name = 'Clothes'")],
    "eav_attribute": [
        Row("attribute_id = 93", "attribute_code = 'colour'"),
        Row("attribute_id = 77", "attribute_code = 'renamed'"),
        Row("attribute_id = 45", "attribute_code = 'title'"),
        Row("attribute_id = 63", "attribute_code = 'renamed'"),
        Row("attribute_id = 97", "attribute_code = 'renamed'"),
        Row("attribute_id = 144", "is_user_defined = 0"),
    ],
    "catalog_eav_attribute": [
        Row("attribute_id = 93", "is_searchable = 0"),
        Row("attribute_id = 93", "additional_data = NULL"),
    ],
    "eav_attribute_label": [Row("attribute_id = 93", "value = 'Farbton'")],
    "eav_attribute_option": [
        Row("option_id = 22", "sort_order = -1"),
        Row("option_id = 11", "sort_order = 9"),
    ],
    "eav_attribute_option_value": [
        Row("option_id = 11 AND store_id = 0", "value = 'Crimson'"),
        Row("option_id = 22 AND store_id = 2", "value = 'Kristall'"),
    ],
    "eav_attribute_option_swatch": [Row("option_id = 12", "value = '#0000ee'")],
    "catalog_category_entity": [
        Row("entity_id = 4", "path = '1/20/21/4', parent_id = 21"),
        Row("entity_id = 3", "position = 9"),
        Row("entity_id = 20", "position = 9"),
    ],
    "catalog_category_entity_varchar": [
        Row("entity_id = 3 AND attribute_id = 45 AND store_id = 2", "value = 'Licht'"),
        Row("entity_id = 4 AND attribute_id = 63 AND store_id = 0", "value = 'desk'"),
    ],
    "catalog_category_entity_int": [
        Row("entity_id = 4 AND attribute_id = 46 AND store_id = 2", "value = 1"),
        Row("entity_id = 3 AND attribute_id = 46", "value = 0"),
        Row("entity_id = 3 AND attribute_id = 54", "value = 0"),
    ],
    "catalog_category_entity_text": [Row("entity_id = 3 AND attribute_id = 47", "value = 'Dark'")],
    "catalog_category_product": [
        Row("category_id = 3 AND product_id = 1", "position = 5"),
        Row("category_id = 3 AND product_id = 2", "category_id = 5"),
        Row("category_id = 21 AND product_id = 1", "product_id = 3"),
    ],
    "catalog_product_entity": [
        Row("entity_id = 1", "sku = 'LAMP2'"),
        Row("entity_id = 2", "type_id = 'grouped'"),
        Row("entity_id = 3", "updated_at = '2025-01-01'"),
        Row("entity_id = 5", "attribute_set_id = 9"),
        Row("entity_id = 10", "sku = 'NOBODY'"),
    ],
    "catalog_product_entity_varchar": [
        Row("entity_id = 1 AND attribute_id = 73 AND store_id = 2", "value = 'Lampe'"),
        Row("entity_id = 1 AND attribute_id = 144 AND store_id = 2", "value = 'Abstauben'"),
        Row("entity_id = 10 AND attribute_id = 73", "value = 'Unseen'"),
    ],
    "catalog_product_entity_text": [
        Row("entity_id = 1 AND attribute_id = 140", "value = '22'"),
        Row("entity_id = 1 AND attribute_id = 75", "value = 'Other'"),
    ],
    "catalog_product_entity_int": [
        Row("entity_id = 3 AND attribute_id = 93", "value = 12"),
        Row("entity_id = 4 AND attribute_id = 97 AND store_id = 2", "value = 1"),
        Row("entity_id = 6 AND attribute_id = 114", "value = 0"),
        Row("entity_id = 1 AND attribute_id = 126", "value = 3"),
    ],
    "catalog_product_entity_decimal": [
        Row("entity_id = 1 AND attribute_id = 77 AND store_id = 0", "value = 101"),
        Row("entity_id = 1 AND attribute_id = 78 AND store_id = 3", "value = 70"),
        Row("entity_id = 1 AND attribute_id = 82", "value = 3"),
    ],
    "catalog_product_entity_datetime": [
        Row("entity_id = 1 AND attribute_id = 142", "value = '2024-05-06'"),
        Row("entity_id = 6 AND attribute_id = 80", "value = '2020-01-01'"),
    ],
    "catalog_product_entity_media_gallery": [Row("value_id = 1", "value = '/o/t/other.jpg'")],
    "catalog_product_entity_media_gallery_value": [
        Row("value_id = 1 AND store_id = 2", "label = 'Lampe'"),
        Row("value_id = 3", "disabled = 0"),
    ],
    "catalog_product_entity_media_gallery_value_to_entity": [Row("value_id = 2", "entity_id = 2")],
    "catalog_product_entity_media_gallery_value_video": [Row("value_id = 2", "title = 'Other'")],
    "catalog_product_website": [
        Row("product_id = 1 AND website_id = 2", "product_id = 3"),
        Row("product_id = 2 AND website_id = 1", "website_id = 2"),
    ],
    "catalog_product_link_type": [Row("link_type_id = 4", "code = 'upsell'")],
    "catalog_product_link": [Row("link_id = 1", "linked_product_id = 4")],
    "catalog_product_link_attribute": [
        Row("product_link_attribute_id = 2", "product_link_attribute_code = 'x'")
    ],
    "catalog_product_link_attribute_int": [Row("link_id = 4", "value = 5")],
    "catalog_product_relation": [Row("parent_id = 2 AND child_id = 3", "parent_id = 6")],
    "catalog_product_super_attribute": [Row("product_id = 2", "attribute_id = 97")],
    "catalog_product_super_link": [Row("link_id = 1", "product_id = 5")],
    "catalog_product_bundle_option": [Row("option_id = 1", "required = 0")],
    "catalog_product_bundle_option_value": [Row("option_id = 1 AND store_id = 2", "title = 'Lampe'")],
    "catalog_product_bundle_selection": [Row("selection_id = 1", "product_id = 3")],
    "catalog_product_bundle_selection_price": [Row("selection_id = 1", "selection_price_value = 1")],
    "downloadable_link": [Row("link_id = 1", "sort_order = 9")],
    "downloadable_link_price": [Row("link_id = 1 AND website_id = 1", "price = 3")],
    "downloadable_link_title": [Row("link_id = 1 AND store_id = 2", "title = 'Teil 1'")],
    "downloadable_sample": [Row("sample_id = 1", "sort_order = 2")],
    "downloadable_sample_title": [Row("sample_id = 1", "title = 'Other'")],
    "catalog_product_option": [
        Row("option_id = 1", "max_characters = 5"),
        Row("option_id = 2", "type = 'radio'"),
    ],
    "catalog_product_option_price": [Row("option_id = 1 AND store_id = 2", "price = 9")],
    "catalog_product_option_title": [Row("option_id = 2", "title = 'Wire'")],
    "catalog_product_option_type_value": [Row("option_type_id = 1", "sku = 'LONG'")],
    "catalog_product_option_type_price": [Row("option_type_id = 2", "price = 6")],
    "catalog_product_option_type_title": [Row("option_type_id = 1 AND store_id = 2", "title = 'Laenger'")],
    "catalog_product_entity_tier_price": [
        Row("entity_id = 1 AND customer_group_id = 1 AND qty = 1", "value = 84"),
        Row("entity_id = 1 AND customer_group_id = 2", "customer_group_id = 0"),
        Row("entity_id = 5", "qty = 2"),
    ],
    "catalogrule_product_price": [
        Row("product_id = 3 AND rule_date = '2100-01-01'", "rule_date = '2100-01-02'"),
        Row("rule_price = 15", "rule_price = 11"),
    ],
    "magento_giftcard_amount": [Row("website_id = 1", "value = 60")],
    "cataloginventory_stock_item": [
        Row("product_id = 1", "min_qty = 20"),
        Row("product_id = 5", "manage_stock = 1"),
        Row("product_id = 3", "use_config_notify_stock_qty = 1"),
    ],
    "cataloginventory_stock_status": [Row("product_id = 2", "stock_status = 0")],
    "inventory_source": [
        Row("source_code = 'closed'", "enabled = 1"),
        Row("source_code = 'default'", "enabled = 0"),
    ],
    "inventory_source_item": [
        Row("source_code = 'default' AND sku = 'LAMP'", "quantity = 1"),
        Row("source_code = 'default' AND sku = 'OLD'", "status = 1"),
        Row("source_code = 'closed'", "quantity = 99"),
    ],
    "inventory_source_stock_link": [Row("source_code = 'east'", "stock_id = 1")],
    "inventory_stock_sales_channel": [Row("code = 'outlet'", "stock_id = 1")],
    "inventory_reservation": [
        Row("stock_id = 2", "quantity = -1"),
        Row("stock_id = 1 AND quantity = 1", "sku = 'OLD'"),
    ],
    "data_exporter_uuid": [
        Row("type = 'order' AND entity_id = 1", "entity_id = 3"),
        Row("type = 'order_item' AND entity_id = 1", "entity_id = 3"),
        Row("type = 'order_shipment'", "uuid = '00000000-0000-4000-8000-00000000ffff'"),
        Row("type = 'credit_memo'", "entity_id = 9"),
    ],
    "sales_order": [
        Row("entity_id = 1", "state = 'closed'"),
        Row("entity_id = 2", "store_id = 3"),
        Row("entity_id = 3", "state = 'closed'"),
        Row("entity_id = 2", "updated_at = '2025-01-01'"),
    ],
    "sales_order_item": [Row("item_id = 1", "qty_refunded = 2"), Row("item_id = 4", "order_id = 1")],
    "sales_order_address": [Row("entity_id = 2", "address_type = 'billing', entity_id = 0")],
    "sales_order_payment": [Row("entity_id = 1", "method = 'checkmo'")],
    "sales_order_tax": [Row("tax_id = 1", "title = 'GST'")],
    "sales_order_tax_item": [
        Row("tax_item_id = 1", "base_amount = 11"),
        Row("tax_item_id = 2", "base_amount = 2"),
    ],
    "sales_invoice": [Row("entity_id = 1", "is_used_for_refund = 0")],
    "sales_invoice_item": [Row("entity_id = 2", "qty = 9")],
    "sales_shipment": [Row("entity_id = 1", "order_id = 2")],
    "sales_shipment_item": [Row("entity_id = 2", "order_item_id = 1")],
    "sales_shipment_track": [Row("entity_id = 1", "track_number = '2Z'")],
    "sales_creditmemo": [Row("entity_id = 1", "state = 3")],
    "sales_creditmemo_item": [Row("entity_id = 1", "qty = 2")],
    "sales_creditmemo_comment": [Row("entity_id = 2", "comment = 'Really'")],
    "sales_payment_transaction": [Row("transaction_id = 2", "txn_type = 'void'")],
    "review_entity": [Row("entity_id = 1", "entity_code = 'other'")],
    "review": [Row("review_id = 2", "status_id = 1"), Row("review_id = 1", "entity_id = 2")],
    "review_detail": [Row("review_id = 1", "title = 'Brighter'"), Row("review_id = 2", "title = 'Dimmer'")],
    "review_store": [
        Row("review_id = 1 AND store_id = 1", "store_id = 3"),
        Row("review_id = 2", "store_id = 1"),
    ],
    "rating": [Row("rating_id = 1", "rating_code = 'Make'"), Row("rating_id = 3", "is_active = 1")],
    "rating_option": [Row("option_id = 2", "value = 5")],
    "rating_option_vote": [Row("vote_id = 1", "option_id = 1"), Row("vote_id = 2", "review_id = 2")],
    "rating_store": [Row("rating_id = 2", "store_id = 2")],
    "rating_title": [Row("rating_id = 1", "value = 'Guete'")],
    "magento_catalogpermissions": [
        Row("permission_id = 1", "grant_catalog_product_price = -1"),
        Row("permission_id = 2", "customer_group_id = 2"),
        Row("permission_id = 3", "website_id = 1"),
    ],
}
