-- One document per product, website and customer group that a permission of one of the product's categories concerns:
-- whether this group may see the product there, see its price and buy it.
WITH coded AS MATERIALIZED (
    -- Computed once a statement, not once a document.
    SELECT cg.customer_group_id, sha1(cg.customer_group_id::text) AS code
    FROM customer_group AS cg
)
SELECT
    w.code AS "websiteCode",
    g.code AS "customerGroupCode",
    p.entity_id AS "productId",
    p.sku AS "sku",
    granted.sees AS "displayable",
    granted.sees AND granted.sees_price AS "priceDisplayable",
    granted.sees AND granted.sees_price AND granted.buys AS "buyable"
FROM catalog_product_entity AS p
INNER JOIN catalog_product_website AS pw ON pw.product_id = p.entity_id
INNER JOIN (
    -- The website's own setting overrules the default one: of two values for one path the last one stays.
    SELECT
        website.website_id,
        website.code,
        ARRAY(
            SELECT sg.root_category_id FROM store_group AS sg WHERE sg.website_id = website.website_id
        ) AS roots,
        jsonb_object_agg(split_part(c.path, '/', 3), c.value ORDER BY c.scope) AS setting
    FROM store_website AS website
    INNER JOIN core_config_data AS c
        ON c.path IN (
            'catalog/magento_catalogpermissions/enabled',
            'catalog/magento_catalogpermissions/grant_catalog_category_view',
            'catalog/magento_catalogpermissions/grant_catalog_category_view_groups',
            'catalog/magento_catalogpermissions/grant_catalog_product_price',
            'catalog/magento_catalogpermissions/grant_catalog_product_price_groups',
            'catalog/magento_catalogpermissions/grant_checkout_items',
            'catalog/magento_catalogpermissions/grant_checkout_items_groups'
        )
        AND (c.scope = 'default' OR c.scope = 'websites' AND c.scope_id = website.website_id)
    GROUP BY website.website_id, website.code
) AS w ON w.website_id = pw.website_id AND w.setting ->> 'enabled' = '1'
CROSS JOIN LATERAL (
    -- An object of codes by group, category by category. As rows the groups would be the nearest thing that a
    -- permission leads to, and no way would lead on to the product. The aggregate for each category also keeps the
    -- planner from reading all categories for each product.
    SELECT jsonb_object_agg(e.customer_group_id, e.code) AS codes
    FROM catalog_category_product AS cp
    CROSS JOIN LATERAL (
        SELECT
            jsonb_object_agg(coded.customer_group_id, coded.code)
                FILTER (WHERE m.website_id = pw.website_id OR m.website_id IS NULL) AS codes
        FROM catalog_category_entity AS c
        INNER JOIN magento_catalogpermissions AS m ON m.category_id = ANY (string_to_array(c.path, '/')::int [])
        INNER JOIN coded ON m.customer_group_id = coded.customer_group_id OR m.customer_group_id IS NULL
        WHERE c.entity_id = cp.category_id AND split_part(c.path, '/', 2)::int = ANY (w.roots)
    ) AS permitted
    CROSS JOIN LATERAL jsonb_each_text(permitted.codes) AS e (customer_group_id, code)
    WHERE cp.product_id = p.entity_id
) AS concerned
CROSS JOIN LATERAL jsonb_each_text(concerned.codes) AS g (customer_group_id, code)
CROSS JOIN LATERAL (
    -- Of the product's categories in this website one that allows suffices. Where none says anything the configuration
    -- does: to everybody (1), to the groups that are named (2), to nobody.
    SELECT
        bool_or(
            COALESCE(
                said.sees = -1,
                CASE COALESCE(w.setting ->> 'grant_catalog_category_view', '1')
                    WHEN '1' THEN true
                    WHEN '2' THEN g.customer_group_id = ANY (
                        string_to_array(w.setting ->> 'grant_catalog_category_view_groups', ',')
                    )
                    ELSE false
                END
            )
        ) FILTER (WHERE said.categories > 0) AS sees,
        bool_or(
            COALESCE(
                said.sees_price = -1,
                CASE COALESCE(w.setting ->> 'grant_catalog_product_price', '1')
                    WHEN '1' THEN true
                    WHEN '2' THEN g.customer_group_id = ANY (
                        string_to_array(w.setting ->> 'grant_catalog_product_price_groups', ',')
                    )
                    ELSE false
                END
            )
        ) FILTER (WHERE said.categories > 0) AS sees_price,
        bool_or(
            COALESCE(
                said.buys = -1,
                CASE COALESCE(w.setting ->> 'grant_checkout_items', '1')
                    WHEN '1' THEN true
                    WHEN '2' THEN g.customer_group_id = ANY (
                        string_to_array(w.setting ->> 'grant_checkout_items_groups', ',')
                    )
                    ELSE false
                END
            )
        ) FILTER (WHERE said.categories > 0) AS buys
    FROM catalog_category_product AS cp
    CROSS JOIN LATERAL (
        -- The nearest category that says allow (-1) or deny (-2) decides, and there the permission that names the group
        -- or the website before one that names neither.
        SELECT
            count(*) AS categories,
            (array_agg(m.view ORDER BY m.level DESC, m.customer_group_id, m.website_id, m.view)
                FILTER (WHERE m.view <> 0 AND m.is_theirs))[1] AS sees,
            (array_agg(m.price ORDER BY m.level DESC, m.customer_group_id, m.website_id, m.price)
                FILTER (WHERE m.price <> 0 AND m.is_theirs))[1] AS sees_price,
            (array_agg(m.checkout ORDER BY m.level DESC, m.customer_group_id, m.website_id, m.checkout)
                FILTER (WHERE m.checkout <> 0 AND m.is_theirs))[1] AS buys
        FROM catalog_category_entity AS c
        LEFT JOIN LATERAL (
            SELECT
                permission.customer_group_id,
                permission.website_id,
                array_position(string_to_array(c.path, '/'), permission.category_id::text) AS level,
                permission.grant_catalog_category_view AS view,
                permission.grant_catalog_product_price AS price,
                permission.grant_checkout_items AS checkout,
                (permission.customer_group_id = g.customer_group_id::int OR permission.customer_group_id IS NULL)
                AND (permission.website_id = pw.website_id OR permission.website_id IS NULL) AS is_theirs
            FROM magento_catalogpermissions AS permission
            WHERE permission.category_id = ANY (string_to_array(c.path, '/')::int [])
        ) AS m ON true
        WHERE c.entity_id = cp.category_id AND split_part(c.path, '/', 2)::int = ANY (w.roots)
    ) AS said
    WHERE cp.product_id = p.entity_id
) AS granted
