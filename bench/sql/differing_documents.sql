-- Documents that stand in only one of the two tables, or differ by a single sign.
SELECT count(*) FROM (
    (
        SELECT sku, "storeViewCode", document FROM products_by_hand
        EXCEPT ALL SELECT sku, "storeViewCode", document::text FROM cdc.feed_products WHERE NOT deleted
    )
    UNION ALL
    (
        SELECT sku, "storeViewCode", document::text FROM cdc.feed_products WHERE NOT deleted
        EXCEPT ALL SELECT sku, "storeViewCode", document FROM products_by_hand
    )
) AS only_one
