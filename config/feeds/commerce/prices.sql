-- One document per product, website and customer group. The group "0" stands for everybody without a price of their
-- own; other groups have a document only where a group, tier or catalog rule price is theirs.
WITH coded AS MATERIALIZED (
    -- Computed once a statement, not once a document.
    SELECT cg.customer_group_id, sha1(cg.customer_group_id::text) AS code
    FROM customer_group AS cg
)
SELECT
    w.website_id AS "websiteId",
    p.entity_id AS "productId",
    p.sku AS "sku",
    CASE
        WHEN p.type_id = 'bundle' AND eav.value ->> 'price_type' = '1' THEN 'BUNDLE_FIXED'
        WHEN p.type_id = 'bundle' THEN 'BUNDLE_DYNAMIC'
        WHEN p.type_id = 'virtual' THEN 'SIMPLE'
        ELSE upper(p.type_id)
    END AS "type",
    g.code AS "customerGroupCode",
    w.code AS "websiteCode",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object('type', upper(parent.type_id), 'sku', parent.sku) ORDER BY parent.entity_id
                )
            FROM catalog_product_relation AS r
            INNER JOIN catalog_product_entity AS parent ON parent.entity_id = r.parent_id
            INNER JOIN catalog_product_website AS sold ON sold.product_id = r.parent_id
            WHERE r.child_id = p.entity_id AND sold.website_id = w.website_id
        ),
        '[]'
    ) AS "parents",
    COALESCE((eav.value ->> 'price')::numeric, 0) AS "regular",
    (
        SELECT COALESCE(json_agg(d.discount ORDER BY d.place) FILTER (WHERE d.discount IS NOT NULL), '[]')
        FROM (
            VALUES
            (
                1,
                CASE
                    -- That of a bundle is a part of the price that its selections come to.
                    WHEN special.is_on AND p.type_id = 'bundle'
                        THEN json_build_object('code', 'special_price', 'percentage', special.price)
                    WHEN special.is_on THEN json_build_object('code', 'special_price', 'price', special.price)
                END
            ),
            (2, tier.group_discount),
            (
                3,
                CASE
                    WHEN rule.rule_price IS NOT NULL
                        THEN json_build_object('code', 'catalog_rule', 'price', rule.rule_price)
                END
            )
        ) AS d (place, discount)
    ) AS "discounts",
    COALESCE(tier.prices, '[]') AS "tierPrices",
    false AS "deleted",
    to_char(p.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "updatedAt",
    -- When the next rule price or special price begins or ends, at midnight where the website is. The document of group
    -- "0" is always there, so it tells the time for those of all groups.
    CASE
        WHEN g.customer_group_id = -1
            THEN LEAST(
                (
                    SELECT min(CASE WHEN r.rule_date > w.today THEN r.rule_date ELSE r.rule_date + 1 END)
                    FROM catalogrule_product_price AS r
                    WHERE r.product_id = p.entity_id AND r.website_id = w.website_id AND r.rule_date >= w.today
                ),
                CASE WHEN special.starts_on > w.today THEN special.starts_on END,
                CASE WHEN special.ends_on >= w.today THEN special.ends_on + 1 END
            )::timestamp AT TIME ZONE w.timezone
    END AS "_refresh_at"
FROM catalog_product_entity AS p
INNER JOIN catalog_product_website AS pw ON pw.product_id = p.entity_id
INNER JOIN (
    SELECT
        scope.website_id,
        scope.code,
        scope.default_store_id,
        scope.timezone,
        (now() AT TIME ZONE scope.timezone)::date AS today
    FROM (
        SELECT
            website.website_id,
            website.code,
            sg.default_store_id,
            COALESCE(
                max(c.value) FILTER (WHERE c.scope = 'websites'), max(c.value) FILTER (WHERE c.scope = 'default'), 'UTC'
            ) AS timezone
        FROM store_website AS website
        LEFT JOIN store_group AS sg ON sg.group_id = website.default_group_id
        LEFT JOIN core_config_data AS c
            ON c.path = 'general/locale/timezone'
            AND (c.scope = 'default' OR c.scope = 'websites' AND c.scope_id = website.website_id)
        GROUP BY website.website_id, website.code, sg.default_store_id
    ) AS scope
) AS w ON w.website_id = pw.website_id
CROSS JOIN LATERAL (
    -- A price belongs to a website: it stands under the website's default store view, or under 0 for all. Of two values
    -- for one name the last one stays.
    SELECT jsonb_object_agg(v.code, v.value ORDER BY v.store_id) AS value
    FROM (
        SELECT a.attribute_code AS code, x.store_id, x.value::text
        FROM catalog_product_entity_decimal AS x
        INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
        WHERE
            x.entity_id = p.entity_id
            AND x.store_id IN (0, w.default_store_id)
            AND a.attribute_code IN ('price', 'special_price')
        UNION ALL
        SELECT a.attribute_code, x.store_id, x.value::text
        FROM catalog_product_entity_datetime AS x
        INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
        WHERE
            x.entity_id = p.entity_id
            AND x.store_id IN (0, w.default_store_id)
            AND a.attribute_code IN ('special_from_date', 'special_to_date')
        UNION ALL
        SELECT a.attribute_code, x.store_id, x.value::text
        FROM catalog_product_entity_int AS x
        INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
        WHERE
            p.type_id = 'bundle'
            AND x.entity_id = p.entity_id
            AND x.store_id = 0
            AND a.attribute_code = 'price_type'
    ) AS v
) AS eav
CROSS JOIN LATERAL (
    SELECT
        dated.price,
        dated.starts_on,
        dated.ends_on,
        dated.price IS NOT NULL
        AND COALESCE(dated.starts_on <= w.today, true)
        AND COALESCE(dated.ends_on >= w.today, true) AS is_on
    FROM (
        SELECT
            (eav.value ->> 'special_price')::numeric AS price,
            (eav.value ->> 'special_from_date')::timestamp::date AS starts_on,
            (eav.value ->> 'special_to_date')::timestamp::date AS ends_on
    ) AS dated
) AS special
CROSS JOIN LATERAL (
    SELECT -1 AS customer_group_id, '0' AS code
    UNION
    SELECT coded.customer_group_id, coded.code
    FROM catalog_product_entity_tier_price AS t
    INNER JOIN coded ON coded.customer_group_id = t.customer_group_id
    WHERE t.entity_id = p.entity_id AND t.website_id IN (0, w.website_id) AND t.all_groups = 0
    UNION
    SELECT coded.customer_group_id, coded.code
    FROM catalogrule_product_price AS r
    INNER JOIN coded ON coded.customer_group_id = r.customer_group_id
    WHERE r.product_id = p.entity_id AND r.website_id = w.website_id AND r.rule_date = w.today
) AS g
CROSS JOIN LATERAL (
    SELECT
        json_agg(
            CASE
                WHEN best.percentage_value IS NOT NULL
                    THEN json_build_object('qty', best.qty, 'percentage', best.percentage_value)
                ELSE json_build_object('qty', best.qty, 'price', best.value)
            END ORDER BY best.qty
        ) FILTER (WHERE best.qty > 1) AS prices,
        -- A tier price from one piece on is what the group pays.
        json_agg(
            CASE
                WHEN best.percentage_value IS NOT NULL
                    THEN json_build_object('code', 'group', 'percentage', best.percentage_value)
                ELSE json_build_object('code', 'group', 'price', best.value)
            END ORDER BY best.qty
        ) FILTER (WHERE best.qty = 1) -> 0 AS group_discount
    FROM (
        -- For one quantity the group's own price overrules that of all groups, and the website's that of all websites.
        SELECT DISTINCT ON (t.qty) t.qty, t.value, t.percentage_value
        FROM catalog_product_entity_tier_price AS t
        WHERE
            t.entity_id = p.entity_id
            AND t.website_id IN (0, w.website_id)
            AND (t.all_groups = 1 OR t.customer_group_id = g.customer_group_id)
        ORDER BY t.qty, t.all_groups, t.website_id DESC, t.value_id
    ) AS best
) AS tier
LEFT JOIN catalogrule_product_price AS rule
    ON rule.product_id = p.entity_id
    AND rule.website_id = w.website_id
    AND rule.customer_group_id = g.customer_group_id
    AND rule.rule_date = w.today
WHERE p.type_id NOT IN ('configurable', 'giftcard')
