-- name: shop
-- The greatest product there is, and how many store views, websites and customer groups.
SELECT (SELECT pg_catalog.max(entity_id) FROM catalog_product_entity),
       (SELECT pg_catalog.count(*) FROM store WHERE store_id > 0),
       (SELECT pg_catalog.count(*) FROM store_website WHERE website_id > 0),
       (SELECT pg_catalog.count(*) FROM customer_group)

-- name: next_order
-- The number of the next order.
SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('sales_order', 'entity_id'))

-- name: change_price
-- A merchant changes a product's price.
UPDATE catalog_product_entity_decimal AS d SET value = %(price)s
FROM eav_attribute AS a
WHERE a.attribute_id = d.attribute_id AND a.attribute_code = 'price' AND d.store_id = 0 AND d.entity_id = %(product)s

-- name: begin_sale
-- A special price from today for two days.
INSERT INTO catalog_product_entity_decimal (entity_id, attribute_id, store_id, value)
SELECT %(product)s, a.attribute_id, 0, %(price)s
FROM eav_attribute AS a
WHERE a.attribute_code = 'special_price'
  AND EXISTS (SELECT FROM catalog_product_entity AS p WHERE p.entity_id = %(product)s)
ON CONFLICT (entity_id, attribute_id, store_id) DO UPDATE SET value = EXCLUDED.value

-- name: end_sale
-- A merchant ends a special price.
DELETE FROM catalog_product_entity_decimal AS d USING eav_attribute AS a
WHERE a.attribute_id = d.attribute_id AND a.attribute_code = 'special_price' AND d.entity_id = %(product)s

-- name: set_tier
-- What one customer group pays for ten.
INSERT INTO catalog_product_entity_tier_price (entity_id, all_groups, customer_group_id, qty, value, website_id)
SELECT p.entity_id, 0, g.customer_group_id, 10, %(price)s, 0
FROM catalog_product_entity AS p
CROSS JOIN (SELECT pg_catalog.max(customer_group_id) AS customer_group_id FROM customer_group) AS g
WHERE p.entity_id = %(product)s
ON CONFLICT (entity_id, all_groups, customer_group_id, qty, website_id) DO UPDATE SET value = EXCLUDED.value

-- name: count_stock
-- Somebody counted a shelf.
UPDATE inventory_source_item AS i
SET quantity = %(quantity)s, status = CASE WHEN %(quantity)s > 0 THEN 1 ELSE 0 END
FROM catalog_product_entity AS p
WHERE i.sku = p.sku AND i.source_code = 'default' AND p.entity_id = %(product)s

-- name: reserve
-- A cart was paid for: the quantity is promised, not yet taken.
INSERT INTO inventory_reservation (stock_id, sku, quantity, metadata)
SELECT 1, p.sku, -%(quantity)s::int4, '{{"event_type":"order_placed"}}'
FROM catalog_product_entity AS p WHERE p.entity_id = %(product)s

-- name: rename_product
-- A merchant renames a product in one store view.
UPDATE catalog_product_entity_varchar AS v SET value = %(name)s
FROM eav_attribute AS a
WHERE a.attribute_id = v.attribute_id AND a.attribute_code = 'name' AND a.entity_type_id = 4 AND v.store_id = 0
  AND v.entity_id = %(product)s

-- name: translate_name
-- A store view gets a name of its own.
INSERT INTO catalog_product_entity_varchar (entity_id, attribute_id, store_id, value)
SELECT p.entity_id, a.attribute_id, s.store_id, %(name)s
FROM catalog_product_entity AS p, eav_attribute AS a,
     (SELECT pg_catalog.max(store_id) AS store_id FROM store) AS s
WHERE p.entity_id = %(product)s AND a.attribute_code = 'name' AND a.entity_type_id = 4
ON CONFLICT (entity_id, attribute_id, store_id) DO UPDATE SET value = EXCLUDED.value

-- name: edit_care
-- An attribute of the shop's own.
INSERT INTO catalog_product_entity_varchar (entity_id, attribute_id, store_id, value)
SELECT p.entity_id, a.attribute_id, 0, %(name)s
FROM catalog_product_entity AS p, eav_attribute AS a
WHERE p.entity_id = %(product)s AND a.attribute_code = 'care'
ON CONFLICT (entity_id, attribute_id, store_id) DO UPDATE SET value = EXCLUDED.value

-- name: switch
-- Enabled becomes disabled, and the other way round.
UPDATE catalog_product_entity_int AS i SET value = 3 - i.value
FROM eav_attribute AS a
WHERE a.attribute_id = i.attribute_id AND a.attribute_code = 'status' AND i.store_id = 0 AND i.entity_id = %(product)s

-- name: save_again
-- The commonest edit in a back office: everything as it was, and a new date.
UPDATE catalog_product_entity SET updated_at = pg_catalog.now() WHERE entity_id = %(product)s

-- name: take_off_shelf
-- A merchant takes a product out of a category.
DELETE FROM catalog_category_product WHERE product_id = %(product)s AND category_id = %(category)s

-- name: put_on_shelf
-- A merchant puts a product into a category.
INSERT INTO catalog_category_product (category_id, product_id, position)
SELECT c.entity_id, p.entity_id, 9
FROM catalog_category_entity AS c, catalog_product_entity AS p
WHERE c.entity_id = %(category)s AND p.entity_id = %(product)s
ON CONFLICT (category_id, product_id) DO NOTHING

-- name: some_category
-- One below the departments, by chance.
SELECT entity_id FROM catalog_category_entity WHERE level >= 2 ORDER BY pg_catalog.abs(entity_id - %(near)s) LIMIT 1

-- name: some_leaf
-- A category without children, and another parent of the same tree for it.
SELECT c.entity_id, (SELECT p.entity_id FROM catalog_category_entity AS p
                     WHERE p.level = 2 AND pg_catalog.split_part(p.path, '/', 2) = pg_catalog.split_part(c.path, '/', 2)
                       AND p.entity_id NOT IN (c.entity_id, c.parent_id)
                     ORDER BY p.entity_id LIMIT 1 OFFSET %(place)s)
FROM catalog_category_entity AS c
WHERE c.level >= 2 AND NOT EXISTS (SELECT FROM catalog_category_entity AS k WHERE k.parent_id = c.entity_id)
ORDER BY pg_catalog.abs(c.entity_id - %(near)s) LIMIT 1

-- name: move_category
-- A merchant moves a category below another one.
UPDATE catalog_category_entity AS c
SET parent_id = p.entity_id, path = p.path || '/' || c.entity_id, level = p.level + 1
FROM catalog_category_entity AS p
WHERE c.entity_id = %(category)s AND p.entity_id = %(parent)s

-- name: rename_category
-- A merchant renames a category.
UPDATE catalog_category_entity_varchar AS v SET value = %(name)s
FROM eav_attribute AS a
WHERE a.attribute_id = v.attribute_id AND a.attribute_code = 'name' AND a.entity_type_id = 3 AND v.store_id = 0
  AND v.entity_id = %(category)s

-- name: import_prices
-- A file of prices from the wholesaler: two hundred products in one statement.
UPDATE catalog_product_entity_decimal AS d SET value = pg_catalog.round(d.value * %(factor)s::numeric, 2)
FROM eav_attribute AS a
WHERE a.attribute_id = d.attribute_id AND a.attribute_code = 'price' AND d.store_id = 0
  AND d.entity_id >= %(product)s AND d.entity_id < %(product)s + 200

-- name: delete_product
-- Only one that is part of nothing; what is keyed by its SKU has no foreign key.
WITH gone AS (
    DELETE FROM catalog_product_entity AS p
    WHERE p.entity_id = %(product)s AND p.type_id = 'simple'
      AND NOT EXISTS (SELECT FROM catalog_product_relation AS r WHERE r.child_id = p.entity_id)
    RETURNING p.sku
)
DELETE FROM inventory_source_item AS i USING gone WHERE i.sku = gone.sku

-- name: open_order
-- An order that is not shipped yet.
SELECT entity_id, store_id FROM sales_order
WHERE entity_id >= %(order)s AND state IN ('new', 'processing')
ORDER BY entity_id LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: complete_order
-- The shop completes an order.
UPDATE sales_order
SET state = 'complete', status = 'complete', base_total_invoiced = base_grand_total, updated_at = pg_catalog.now()
WHERE entity_id = %(order)s

-- name: complete_items
-- The shop invoices and ships all items of an order.
UPDATE sales_order_item SET qty_invoiced = qty_ordered, qty_shipped = qty_ordered, updated_at = pg_catalog.now()
WHERE order_id = %(order)s

-- name: ship
-- The shop records the shipment of an order and of each item.
WITH shipment AS (
    INSERT INTO sales_shipment (order_id, store_id, increment_id, total_qty)
    SELECT o.entity_id, o.store_id, 'T' || o.increment_id, o.total_qty_ordered
    FROM sales_order AS o WHERE o.entity_id = %(order)s
    RETURNING entity_id, order_id
), packed AS (
    INSERT INTO sales_shipment_item (parent_id, order_item_id, product_id, qty, sku)
    SELECT s.entity_id, i.item_id, i.product_id, i.qty_ordered, i.sku
    FROM shipment AS s JOIN sales_order_item AS i ON i.order_id = s.order_id
), known AS (
    INSERT INTO data_exporter_uuid (entity_id, type, uuid)
    SELECT s.entity_id, 'order_shipment', pg_catalog.gen_random_uuid()::text FROM shipment AS s
    ON CONFLICT (entity_id, type) DO NOTHING
)
INSERT INTO sales_shipment_track (parent_id, order_id, track_number, title, carrier_code)
SELECT s.entity_id, s.order_id, '1Z' || s.order_id, 'Parcel', 'ups' FROM shipment AS s

-- name: give_back
-- The goods have left: what was promised is promised no more, and the shelf has less.
INSERT INTO inventory_reservation (stock_id, sku, quantity, metadata)
SELECT 1, i.sku, i.qty_ordered, '{{"event_type":"shipment_created"}}'
FROM sales_order_item AS i WHERE i.order_id = %(order)s

-- name: review_product
-- A customer reviews and rates a product.
WITH written AS (
    INSERT INTO review (entity_id, entity_pk_value, status_id)
    SELECT 1, p.entity_id, 1 FROM catalog_product_entity AS p WHERE p.entity_id = %(product)s
    RETURNING review_id
), said AS (
    INSERT INTO review_detail (review_id, store_id, title, detail, nickname)
    SELECT w.review_id, 1, 'As described', %(name)s, 'Ada' FROM written AS w
)
INSERT INTO review_store (review_id, store_id) SELECT w.review_id, 1 FROM written AS w
