-- The documents of bench/shop/feeds/products.sql as one would write them by hand for a whole shop: every list in one
-- grouped join instead of one subquery a document. The benchmark checks that the documents are the same.
CREATE TABLE products_by_hand AS
WITH views AS (
    SELECT v.store_view_id, v.code, w.website_id, w.code AS website_code, w.currency
    FROM store_view AS v
    INNER JOIN website AS w ON w.website_id = v.website_id
    WHERE v.is_active
),
category_lists AS (
    SELECT
        pc.product_id,
        v.store_view_id,
        json_agg(
            json_build_object(
                'categoryId', c.category_id,
                'path', COALESCE(parent.slug || '/', '') || c.slug,
                'name', COALESCE(said.name, c.name),
                'position', pc.position
            ) ORDER BY pc.position, c.category_id
        ) AS list
    FROM product_category AS pc
    INNER JOIN category AS c ON c.category_id = pc.category_id
    LEFT JOIN category AS parent ON parent.category_id = c.parent_id
    INNER JOIN product_website AS pw ON pw.product_id = pc.product_id
    INNER JOIN views AS v ON v.website_id = pw.website_id
    LEFT JOIN category_text AS said
        ON said.category_id = c.category_id AND said.store_view_id = v.store_view_id
    WHERE c.is_active
    GROUP BY pc.product_id, v.store_view_id
),
attribute_lists AS (
    SELECT
        everywhere.product_id,
        v.store_view_id,
        json_agg(
            json_build_object('attributeCode', a.code, 'value', COALESCE(here.value, everywhere.value))
            ORDER BY a.code
        ) AS list
    FROM attribute_value AS everywhere
    INNER JOIN attribute AS a ON a.attribute_id = everywhere.attribute_id
    INNER JOIN product_website AS pw ON pw.product_id = everywhere.product_id
    INNER JOIN views AS v ON v.website_id = pw.website_id
    LEFT JOIN attribute_value AS here
        ON here.product_id = everywhere.product_id
        AND here.attribute_id = everywhere.attribute_id
        AND here.store_view_id = v.store_view_id
    WHERE everywhere.store_view_id = 0
    GROUP BY everywhere.product_id, v.store_view_id
)
SELECT q."sku", q."storeViewCode", row_to_json(q)::text AS document
FROM (
    SELECT
        p.sku AS "sku",
        v.code AS "storeViewCode",
        v.website_code AS "websiteCode",
        p.product_id AS "productId",
        p.type AS "type",
        COALESCE(own.name, p.name) AS "name",
        p.description AS "description",
        p.weight AS "weight",
        CASE WHEN p.is_enabled THEN 'Enabled' ELSE 'Disabled' END AS "status",
        v.currency AS "currency",
        pr.regular AS "price",
        pr.special AS "specialPrice",
        COALESCE(s.allows_backorders OR s.quantity > s.reserved, false) AS "inStock",
        COALESCE(s.quantity - s.reserved <= s.low_at, true) AS "lowStock",
        category_lists.list AS "categories",
        attribute_lists.list AS "attributes",
        p.created_at AS "createdAt"
    FROM product AS p
    INNER JOIN product_website AS pw ON pw.product_id = p.product_id
    INNER JOIN views AS v ON v.website_id = pw.website_id
    LEFT JOIN product_text AS own ON own.product_id = p.product_id AND own.store_view_id = v.store_view_id
    LEFT JOIN price AS pr ON pr.product_id = p.product_id AND pr.website_id = v.website_id
    LEFT JOIN stock_item AS s ON s.product_id = p.product_id
    LEFT JOIN category_lists
        ON category_lists.product_id = p.product_id AND category_lists.store_view_id = v.store_view_id
    LEFT JOIN attribute_lists
        ON attribute_lists.product_id = p.product_id AND attribute_lists.store_view_id = v.store_view_id
) AS q
