-- One document per product and website, with the prices of customer groups.
SELECT
    p.sku AS "sku",
    w.code AS "websiteCode",
    p.product_id AS "productId",
    w.currency AS "currency",
    pr.regular AS "regular",
    pr.special AS "special",
    (
        SELECT
            json_agg(
                json_build_object('customerGroupCode', g.code, 'quantity', t.quantity, 'price', t.amount)
                ORDER BY g.code, t.quantity
            )
        FROM tier_price AS t
        INNER JOIN customer_group AS g ON g.customer_group_id = t.customer_group_id
        WHERE t.product_id = pr.product_id AND t.website_id = pr.website_id
    ) AS "tierPrices"
FROM product AS p
INNER JOIN price AS pr ON pr.product_id = p.product_id
INNER JOIN website AS w ON w.website_id = pr.website_id
WHERE p.is_enabled
