-- One document per permission, and one for each of the four defaults that hold where there is none.
SELECT
    m.permission_id AS "_permission_id",
    m.permission_id::text AS "id",
    m.category_id::text AS "categoryId",
    w.code AS "websiteCode",
    -- NULL: every customer group.
    sha1(m.customer_group_id::text) AS "customerGroupCode",
    CASE m.grant_catalog_category_view WHEN -1 THEN 'allow' WHEN -2 THEN 'deny' ELSE 'use default' END
        AS "browseCategory",
    CASE m.grant_catalog_product_price WHEN -1 THEN 'allow' WHEN -2 THEN 'deny' ELSE 'use default' END
        AS "displayProductPrice",
    CASE m.grant_checkout_items WHEN -1 THEN 'allow' WHEN -2 THEN 'deny' ELSE 'use default' END
        AS "checkoutItems",
    NULL::text AS "default",
    NULL::text AS "grant",
    NULL::json AS "customerGroupCodes"
FROM magento_catalogpermissions AS m
LEFT JOIN store_website AS w ON w.website_id = m.website_id
UNION ALL
SELECT
    d.number,
    'default/' || d.field,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    d.field,
    -- To everybody, to nobody, or to the groups that are named.
    CASE COALESCE(whom.value, '1') WHEN '1' THEN 'allow' WHEN '2' THEN 'allow groups' ELSE 'deny' END,
    CASE
        WHEN whom.value = '2'
            THEN (
                SELECT COALESCE(json_agg(sha1(u.id) ORDER BY u.id::int, u.id), '[]')
                FROM unnest(string_to_array(named.value, ',')) AS u (id)
            )
    END
FROM (
    SELECT
        -1 AS number,
        'browseCategory' AS field,
        'catalog/magento_catalogpermissions/grant_catalog_category_view' AS path
    UNION ALL
    SELECT -2, 'displayProductPrice', 'catalog/magento_catalogpermissions/grant_catalog_product_price'
    UNION ALL
    SELECT -3, 'checkoutItems', 'catalog/magento_catalogpermissions/grant_checkout_items'
) AS d
LEFT JOIN core_config_data AS whom ON whom.path = d.path AND whom.scope = 'default' AND whom.scope_id = 0
LEFT JOIN core_config_data AS named
    ON named.path = d.path || '_groups' AND named.scope = 'default' AND named.scope_id = 0
UNION ALL
SELECT
    d.number,
    'default/' || d.field,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    d.field,
    CASE WHEN whom.value <> '' THEN 'deny groups' ELSE 'allow' END,
    CASE
        WHEN whom.value <> ''
            THEN (
                SELECT json_agg(sha1(u.id) ORDER BY u.id::int, u.id)
                FROM unnest(string_to_array(whom.value, ',')) AS u (id)
            )
    END
FROM (
    SELECT -4 AS number, 'search' AS field, 'catalog/magento_catalogpermissions/deny_catalog_search' AS path
) AS d
LEFT JOIN core_config_data AS whom ON whom.path = d.path AND whom.scope = 'default' AND whom.scope_id = 0
