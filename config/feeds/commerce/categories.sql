-- One document per category and store view, below the root of the store's tree.
SELECT
    c.entity_id AS "_category_id",
    c.entity_id::text AS "categoryId",
    s.code AS "storeViewCode",
    g.code AS "storeCode",
    w.code AS "websiteCode",
    eav.value ->> 'name' AS "name",
    eav.value ->> 'description' AS "description",
    eav.value ->> 'meta_title' AS "metaTitle",
    eav.value ->> 'meta_keywords' AS "metaKeywords",
    eav.value ->> 'meta_description' AS "metaDescription",
    eav.value ->> 'display_mode' AS "displayMode",
    eav.value ->> 'url_key' AS "urlKey",
    -- It is the key: a category that was never given one has the path under which Commerce shows it then.
    COALESCE(eav.value ->> 'url_path', 'catalog/category/view/id/' || c.entity_id) AS "urlPath",
    base.url || 'media/catalog/category/' || (eav.value ->> 'image') AS "image",
    c.level AS "level",
    c.path AS "path",
    c.parent_id::text AS "parentId",
    COALESCE(
        (SELECT json_agg(child.entity_id::text ORDER BY child.position, child.entity_id)
         FROM catalog_category_entity AS child
         WHERE child.parent_id = c.entity_id),
        '[]'
    ) AS "children",
    c.position AS "position",
    eav.value ->> 'default_sort_by' AS "defaultSortBy",
    to_json(string_to_array(eav.value ->> 'available_sort_by', ',')) AS "availableSortBy",
    (eav.value ->> 'is_anchor')::int AS "isAnchor",
    (eav.value ->> 'include_in_menu')::int AS "includeInMenu",
    (eav.value ->> 'is_active')::int AS "isActive",
    false AS "deleted",
    to_char(c.created_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "createdAt",
    to_char(c.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "updatedAt",
    to_char(c.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "modifiedAt"
FROM catalog_category_entity AS c
INNER JOIN store_group AS g ON c.path LIKE '1/' || g.root_category_id || '/%'
INNER JOIN store AS s ON s.group_id = g.group_id
INNER JOIN store_website AS w ON w.website_id = s.website_id
CROSS JOIN LATERAL (
    -- The store view's own value overrules the website's, and that the default.
    SELECT
        COALESCE(
            max(config.value) FILTER (WHERE config.scope = 'stores'),
            max(config.value) FILTER (WHERE config.scope = 'websites'),
            max(config.value) FILTER (WHERE config.scope = 'default')
        ) AS url
    FROM core_config_data AS config
    WHERE
        config.path = 'web/secure/base_url'
        AND (config.scope = 'default' OR config.scope = 'websites' AND config.scope_id = s.website_id
            OR config.scope = 'stores' AND config.scope_id = s.store_id)
) AS base
CROSS JOIN LATERAL (
    -- Of two values for one name the last one stays: that of the store view, if there is one (NULL, too).
    SELECT jsonb_object_agg(v.code, v.value ORDER BY v.store_id) AS value
    FROM (
        SELECT a.attribute_code AS code, x.store_id, x.value
        FROM catalog_category_entity_varchar AS x
        INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
        WHERE x.entity_id = c.entity_id AND x.store_id IN (0, s.store_id)
        UNION ALL
        SELECT a.attribute_code, x.store_id, x.value
        FROM catalog_category_entity_text AS x
        INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
        WHERE x.entity_id = c.entity_id AND x.store_id IN (0, s.store_id)
        UNION ALL
        SELECT a.attribute_code, x.store_id, x.value::text
        FROM catalog_category_entity_int AS x
        INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
        WHERE x.entity_id = c.entity_id AND x.store_id IN (0, s.store_id)
    ) AS v
) AS eav
WHERE s.store_id > 0
