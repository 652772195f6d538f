-- One document per product and stock that one of its sources serves.
SELECT
    stock.stock_id::text AS "stockId",
    p.sku AS "sku",
    p.entity_id AS "productId",
    stock.qty AS "qty",
    stock.qty + reserved.qty AS "qtyForSale",
    NOT item.managed OR item.backorders AND item.min_qty = 0 AS "infiniteStock",
    item.managed
    AND NOT (item.backorders AND item.min_qty = 0)
    AND stock.qty + reserved.qty < item.notify_qty AS "lowStock",
    NOT item.managed OR stock.is_in_stock AND (
        item.backorders AND item.min_qty = 0 OR stock.qty + reserved.qty > item.min_qty
    ) AS "isSalable",
    -- Neither stock nor reservations have a time of change.
    to_char(p.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "updatedAt"
FROM catalog_product_entity AS p
INNER JOIN LATERAL (
    SELECT
        l.stock_id,
        COALESCE(sum(i.quantity) FILTER (WHERE i.status = 1), 0) AS qty,
        bool_or(i.status = 1) AS is_in_stock
    FROM inventory_source_item AS i
    INNER JOIN inventory_source AS source ON source.source_code = i.source_code
    INNER JOIN inventory_source_stock_link AS l ON l.source_code = i.source_code
    WHERE i.sku = p.sku AND source.enabled = 1
    GROUP BY l.stock_id
) AS stock ON true
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(r.quantity), 0) AS qty
    FROM inventory_reservation AS r
    WHERE r.sku = p.sku AND r.stock_id = stock.stock_id
) AS reserved
-- What the configuration says of every product that does not say it itself: it concerns them all.
CROSS JOIN (
    SELECT
        COALESCE(max(c.value) FILTER (WHERE c.path LIKE '%/manage_stock'), '1') AS manage_stock,
        COALESCE(max(c.value) FILTER (WHERE c.path LIKE '%/backorders'), '0') AS backorders,
        COALESCE(max(c.value) FILTER (WHERE c.path LIKE '%/min_qty'), '0') AS min_qty,
        COALESCE(max(c.value) FILTER (WHERE c.path LIKE '%/notify_stock_qty'), '1') AS notify_qty
    FROM core_config_data AS c
    WHERE
        c.scope = 'default'
        AND c.path IN (
            'cataloginventory/item_options/manage_stock',
            'cataloginventory/item_options/backorders',
            'cataloginventory/item_options/min_qty',
            'cataloginventory/item_options/notify_stock_qty'
        )
) AS config
LEFT JOIN cataloginventory_stock_item AS si ON si.product_id = p.entity_id AND si.stock_id = 1
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN si.use_config_manage_stock = 0 THEN si.manage_stock <> 0 ELSE config.manage_stock <> '0' END
            AS managed,
        CASE WHEN si.use_config_backorders = 0 THEN si.backorders > 0 ELSE config.backorders <> '0' END
            AS backorders,
        CASE WHEN si.use_config_min_qty = 0 THEN si.min_qty ELSE config.min_qty::numeric END AS min_qty,
        CASE
            WHEN si.use_config_notify_stock_qty = 0 THEN COALESCE(si.notify_stock_qty, 0)
            ELSE config.notify_qty::numeric
        END AS notify_qty
) AS item
