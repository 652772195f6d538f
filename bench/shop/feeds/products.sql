-- One document per product and store view of a website that sells it.
SELECT
    p.sku AS "sku",
    v.code AS "storeViewCode",
    w.code AS "websiteCode",
    p.product_id AS "productId",
    p.type AS "type",
    COALESCE(own.name, p.name) AS "name",
    p.description AS "description",
    p.weight AS "weight",
    CASE WHEN p.is_enabled THEN 'Enabled' ELSE 'Disabled' END AS "status",
    w.currency AS "currency",
    pr.regular AS "price",
    pr.special AS "specialPrice",
    COALESCE(s.allows_backorders OR s.quantity > s.reserved, false) AS "inStock",
    COALESCE(s.quantity - s.reserved <= s.low_at, true) AS "lowStock",
    (
        SELECT
            json_agg(
                json_build_object(
                    'categoryId', c.category_id,
                    'path', COALESCE(parent.slug || '/', '') || c.slug,
                    'name', COALESCE(said.name, c.name),
                    'position', pc.position
                ) ORDER BY pc.position, c.category_id
            )
        FROM product_category AS pc
        INNER JOIN category AS c ON c.category_id = pc.category_id
        LEFT JOIN category AS parent ON parent.category_id = c.parent_id
        LEFT JOIN category_text AS said
            ON said.category_id = c.category_id AND said.store_view_id = v.store_view_id
        WHERE pc.product_id = p.product_id AND c.is_active
    ) AS "categories",
    attributes.list AS "attributes",
    p.created_at AS "createdAt"
FROM product AS p
INNER JOIN product_website AS pw ON pw.product_id = p.product_id
INNER JOIN website AS w ON w.website_id = pw.website_id
INNER JOIN store_view AS v ON v.website_id = w.website_id
LEFT JOIN product_text AS own ON own.product_id = p.product_id AND own.store_view_id = v.store_view_id
LEFT JOIN price AS pr ON pr.product_id = p.product_id AND pr.website_id = w.website_id
LEFT JOIN stock_item AS s ON s.product_id = p.product_id
LEFT JOIN LATERAL (
    -- A view's own value overrules the one for all views (store view 0).
    SELECT
        json_agg(
            json_build_object('attributeCode', a.code, 'value', COALESCE(here.value, everywhere.value))
            ORDER BY a.code
        ) AS list
    FROM attribute_value AS everywhere
    INNER JOIN attribute AS a ON a.attribute_id = everywhere.attribute_id
    LEFT JOIN attribute_value AS here
        ON here.product_id = everywhere.product_id
        AND here.attribute_id = everywhere.attribute_id
        AND here.store_view_id = v.store_view_id
    WHERE everywhere.product_id = p.product_id AND everywhere.store_view_id = 0
) AS attributes ON true
WHERE v.is_active
