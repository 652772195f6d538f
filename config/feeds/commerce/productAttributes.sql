-- One document per product attribute and store view.
SELECT
    a.attribute_id::text AS "id",
    g.code AS "storeCode",
    w.code AS "websiteCode",
    s.code AS "storeViewCode",
    a.attribute_code AS "attributeCode",
    e.entity_type_code AS "attributeType",
    a.backend_type AS "dataType",
    COALESCE(a.frontend_input IN ('multiselect', 'multiline'), false) AS "multi",
    COALESCE(l.value, a.frontend_label) AS "label",
    a.frontend_input AS "frontendInput",
    a.is_required = 1 AS "required",
    a.is_unique = 1 AS "unique",
    c.is_global = 1 AS "global",
    c.is_visible_on_front = 1 AS "visible",
    c.is_searchable = 1 AS "searchable",
    c.is_filterable > 0 AS "filterable",
    c.is_comparable = 1 AS "visibleInCompareList",
    c.used_in_product_listing = 1 AS "visibleInListing",
    c.used_for_sort_by = 1 AS "sortable",
    c.is_visible_in_advanced_search = 1 AS "visibleInSearch",
    c.is_filterable_in_search = 1 AS "filterableInSearch",
    c.search_weight AS "searchWeight",
    c.is_used_for_promo_rules = 1 AS "usedForRules",
    COALESCE(a.frontend_input = 'boolean', false) AS "boolean",
    a.is_user_defined = 0 AS "systemAttribute",
    COALESCE(
        a.frontend_input IS DISTINCT FROM 'boolean'
        AND (a.frontend_input IN ('price', 'weight', 'text') AND a.backend_type IN ('decimal', 'int')
            OR a.frontend_class IN ('validate-number', 'validate-digits')),
        false
    ) AS "numeric",
    -- An attribute has no time of change; a record's captured_at says it.
    NULL::text AS "modifiedAt"
FROM eav_attribute AS a
INNER JOIN eav_entity_type AS e ON e.entity_type_id = a.entity_type_id
INNER JOIN catalog_eav_attribute AS c ON c.attribute_id = a.attribute_id
CROSS JOIN store AS s
INNER JOIN store_group AS g ON g.group_id = s.group_id
INNER JOIN store_website AS w ON w.website_id = s.website_id
LEFT JOIN eav_attribute_label AS l ON l.attribute_id = a.attribute_id AND l.store_id = s.store_id
WHERE e.entity_type_code = 'catalog_product' AND s.store_id > 0
