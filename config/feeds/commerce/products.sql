-- One document per product and store view of a website that sells it; a product without a status has none.
SELECT
    CASE p.type_id WHEN 'giftcard' THEN 'simple' ELSE p.type_id END AS "type",
    p.sku AS "sku",
    s.code AS "storeViewCode",
    s.store_code AS "storeCode",
    s.website_code AS "websiteCode",
    eav.value ->> 'name' AS "name",
    p.entity_id AS "productId",
    p.type_id AS "productType",
    CASE eav.value ->> 'price_view' WHEN '0' THEN 'price_range' WHEN '1' THEN 'as_low_as' END AS "priceView",
    eav.value ->> 'short_description' AS "shortDescription",
    eav.value ->> 'description' AS "description",
    CASE
        WHEN eav.value ->> 'image' <> 'no_selection'
            THEN json_build_object(
                'url', s.base_url || 'media/catalog/product' || (eav.value ->> 'image'),
                'label', eav.value ->> 'image_label'
            )
    END AS "image",
    eav.value ->> 'links_exist' = '1' AS "linksExist",
    eav.value ->> 'links_purchased_separately' = '1' AS "linksPurchasedSeparately",
    eav.value ->> 'meta_description' AS "metaDescription",
    eav.value ->> 'meta_keyword' AS "metaKeyword",
    eav.value ->> 'meta_title' AS "metaTitle",
    eav.value ->> 'samples_title' AS "samplesTitle",
    CASE
        WHEN eav.value ->> 'small_image' <> 'no_selection'
            THEN json_build_object(
                'url', s.base_url || 'media/catalog/product' || (eav.value ->> 'small_image'),
                'label', eav.value ->> 'small_image_label'
            )
    END AS "smallImage",
    state.status AS "status",
    CASE
        WHEN eav.value ->> 'swatch_image' <> 'no_selection'
            THEN json_build_object(
                'url', s.base_url || 'media/catalog/product' || (eav.value ->> 'swatch_image'),
                'label', eav.value ->> 'swatch_image_label'
            )
    END AS "swatchImage",
    tax.name AS "taxClassId",
    CASE
        WHEN eav.value ->> 'thumbnail' <> 'no_selection'
            THEN json_build_object(
                'url', s.base_url || 'media/catalog/product' || (eav.value ->> 'thumbnail'),
                'label', eav.value ->> 'thumbnail_label'
            )
    END AS "thumbnail",
    to_char(p.created_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "createdAt",
    to_char(p.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "updatedAt",
    to_char(p.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "modifiedAt",
    eav.value ->> 'url_key' AS "urlKey",
    state.visibility AS "visibility",
    (eav.value ->> 'weight')::numeric AS "weight",
    s.weight_unit AS "weightUnit",
    CASE eav.value ->> 'weight_type' WHEN '0' THEN 'dynamic' WHEN '1' THEN 'fixed' END AS "weightType",
    s.currency AS "currency",
    NULL::text AS "deletedAt",
    state.status = 'Enabled' AND state.visibility <> 'Not Visible Individually' AS "displayable",
    state.status = 'Enabled' AND stock.is_in_stock AS "buyable",
    -- What the shop defined, and what stands elsewhere in Commerce and is no attribute there.
    (
        SELECT json_agg(a.attribute ORDER BY a.code, a.attribute)
        FROM (
            SELECT
                e.key AS code,
                jsonb_build_object(
                    'attributeCode', e.key,
                    'value', CASE
                        WHEN e.value -> 'options' = 'null' THEN jsonb_build_array(e.value -> 'value')
                        ELSE (
                            SELECT
                                jsonb_agg(
                                    COALESCE(o.labels -> s.store_id::text, o.labels -> '0') ORDER BY o.place
                                )
                            FROM jsonb_array_elements(e.value -> 'options') WITH ORDINALITY AS o (labels, place)
                        )
                    END,
                    'valueId', e.value -> 'ids'
                ) AS attribute
            FROM jsonb_each(eav.own) AS e
            WHERE e.value ->> 'value' IS NOT NULL
            UNION ALL
            SELECT
                more.code,
                jsonb_build_object(
                    'attributeCode', more.code, 'value', jsonb_build_array(more.value), 'valueId', '[]'::jsonb
                )
            -- As VALUES, PostgreSQL would prepare these expressions anew for each document.
            FROM (
                SELECT 'ac_attribute_set' AS code, attribute_set.name AS value
                UNION ALL
                SELECT 'ac_tax_class', tax.name
                UNION ALL
                SELECT 'ac_inventory', stock.terms::text
                UNION ALL
                SELECT 'ac_downloadable', downloadable.links::text
                UNION ALL
                SELECT 'ac_giftcard', giftcard.amounts::text
            ) AS more
            WHERE more.value IS NOT NULL
        ) AS a
    ) AS "attributes",
    COALESCE(category.paths, '[]') AS "categories",
    COALESCE(category.ids, '[]') AS "categoryIds",
    COALESCE(category.list, '[]') AS "categoryData",
    CASE
        WHEN stock.product_id IS NOT NULL
            THEN json_build_object(
                'qty', stock.qty::int,
                'configuration', json_build_object(
                    'status', stock.status,
                    'manageStock', stock.managed,
                    'threshold', stock.min_qty,
                    'productAvailable', stock.is_in_stock
                )
            )
    END AS "inventory",
    COALESCE(media.gallery, '[]') AS "media_gallery",
    CASE WHEN p.has_options = 1 THEN (
        SELECT COALESCE(json_agg(o.input ORDER BY o.sort_order, o.option_id), '[]')
        FROM (
            SELECT
                po.option_id,
                po.sort_order,
                json_build_object(
                    'id', encode(convert_to('custom-option/' || po.option_id, 'UTF8'), 'base64'),
                    'label', title.label,
                    'sortOrder', po.sort_order,
                    'required', po.is_require = 1,
                    'renderType', po.type,
                    'price', price.amount,
                    'fileExtension', po.file_extension,
                    'sku', po.sku,
                    'range', CASE
                        WHEN po.max_characters > 0 THEN json_build_object('from', 0, 'to', po.max_characters)
                    END,
                    'imageSizeX', po.image_size_x,
                    'imageSizeY', po.image_size_y
                ) AS input
            FROM catalog_product_option AS po
            CROSS JOIN LATERAL (
                SELECT COALESCE(max(x.title) FILTER (WHERE x.store_id > 0), max(x.title)) AS label
                FROM catalog_product_option_title AS x
                WHERE x.option_id = po.option_id AND x.store_id IN (0, s.store_id)
            ) AS title
            CROSS JOIN LATERAL (
                SELECT COALESCE(max(x.price) FILTER (WHERE x.store_id > 0), max(x.price)) AS amount
                FROM catalog_product_option_price AS x
                WHERE x.option_id = po.option_id AND x.store_id IN (0, s.store_id)
            ) AS price
            WHERE po.product_id = p.entity_id AND po.type IN ('field', 'area', 'file', 'date', 'date_time', 'time')
        ) AS o
    ) ELSE '[]' END AS "shopperInputOptions",
    (
        SELECT COALESCE(json_agg(o.option ORDER BY o.place, o.sort_order, o.id), '[]')
        FROM (
            SELECT
                1 AS place,
                sa.position::int AS sort_order,
                sa.product_super_attribute_id AS id,
                json_build_object(
                    'id', a.attribute_code,
                    'label', COALESCE(l.value, a.frontend_label),
                    'sortOrder', sa.position,
                    'required', true,
                    'renderType', 'dropdown',
                    'type', 'configurable',
                    'swatchType', CASE
                        WHEN ca.additional_data LIKE '{%}' THEN ca.additional_data::json ->> 'swatch_input_type'
                    END,
                    'values', (
                        SELECT
                            COALESCE(
                                json_agg(
                                    json_build_object(
                                        'id', encode(
                                            convert_to(
                                                'configurable/' || sa.attribute_id || '/' || eo.option_id, 'UTF8'
                                            ),
                                            'base64'
                                        ),
                                        'label', text.label,
                                        'sortOrder', eo.sort_order,
                                        'colorHex', CASE WHEN swatch.type = 1 THEN swatch.value END,
                                        'imageUrl', CASE
                                            WHEN swatch.type = 2
                                                THEN s.base_url || 'media/attribute/swatch' || swatch.value
                                        END,
                                        'customSwatchValue', CASE WHEN swatch.type = 0 THEN swatch.value END
                                    ) ORDER BY eo.sort_order, eo.option_id
                                ),
                                '[]'
                            )
                        FROM (
                            SELECT DISTINCT sl.parent_id, child.attribute_id, child.value
                            FROM catalog_product_super_link AS sl
                            CROSS JOIN LATERAL (
                                -- A choice that is disabled in the store view is none there.
                                SELECT
                                    COALESCE(max(x.value) FILTER (WHERE x.store_id > 0), max(x.value)) AS value
                                FROM catalog_product_entity_int AS x
                                INNER JOIN eav_attribute AS sta ON sta.attribute_id = x.attribute_id
                                WHERE
                                    x.entity_id = sl.product_id
                                    AND x.store_id IN (0, s.store_id)
                                    AND sta.attribute_code = 'status'
                            ) AS status
                            INNER JOIN catalog_product_entity_int AS child ON child.entity_id = sl.product_id
                            WHERE child.store_id = 0 AND status.value = 1
                        ) AS used
                        INNER JOIN eav_attribute_option AS eo
                            ON eo.option_id = used.value AND eo.attribute_id = used.attribute_id
                        CROSS JOIN LATERAL (
                            SELECT COALESCE(max(x.value) FILTER (WHERE x.store_id > 0), max(x.value)) AS label
                            FROM eav_attribute_option_value AS x
                            WHERE x.option_id = eo.option_id AND x.store_id IN (0, s.store_id)
                        ) AS text
                        LEFT JOIN eav_attribute_option_swatch AS swatch
                            ON swatch.option_id = eo.option_id AND swatch.store_id = 0
                        -- Here, not within: the way back from a child to its parents leads over the parent alone.
                        WHERE used.parent_id = sa.product_id AND used.attribute_id = sa.attribute_id
                    )
                ) AS option
            FROM catalog_product_super_attribute AS sa
            INNER JOIN eav_attribute AS a ON a.attribute_id = sa.attribute_id
            LEFT JOIN catalog_eav_attribute AS ca ON ca.attribute_id = sa.attribute_id
            LEFT JOIN eav_attribute_label AS l ON l.attribute_id = sa.attribute_id AND l.store_id = s.store_id
            WHERE p.type_id = 'configurable' AND sa.product_id = p.entity_id
            UNION ALL
            SELECT
                2,
                bo.position,
                bo.option_id,
                json_build_object(
                    'id', bo.option_id::text,
                    'label', title.label,
                    'sortOrder', bo.position,
                    'required', bo.required = 1,
                    'renderType', bo.type,
                    'type', 'bundle',
                    'swatchType', NULL,
                    'values', (
                        SELECT
                            COALESCE(
                                json_agg(
                                    json_build_object(
                                        'priceType', CASE COALESCE(sp.selection_price_type, bs.selection_price_type)
                                            WHEN 1 THEN 'percent' ELSE 'fixed'
                                        END,
                                        'id', encode(
                                            convert_to(
                                                'bundle/' || bo.option_id || '/' || bs.selection_id || '/'
                                                || COALESCE(bs.selection_qty, 1)::int,
                                                'UTF8'
                                            ),
                                            'base64'
                                        ),
                                        'label', part.name,
                                        'sortOrder', bs.position,
                                        'isDefault', bs.is_default = 1,
                                        'qtyMutability', bs.selection_can_change_qty = 1,
                                        'qty', bs.selection_qty,
                                        'sku', chosen.sku,
                                        'price', COALESCE(sp.selection_price_value, bs.selection_price_value)
                                    ) ORDER BY bs.position, bs.selection_id
                                ),
                                '[]'
                            )
                        FROM catalog_product_bundle_selection AS bs
                        INNER JOIN catalog_product_entity AS chosen ON chosen.entity_id = bs.product_id
                        LEFT JOIN catalog_product_bundle_selection_price AS sp
                            ON sp.selection_id = bs.selection_id
                            AND sp.parent_product_id = bs.parent_product_id
                            AND sp.website_id = s.website_id
                        CROSS JOIN LATERAL (
                            SELECT COALESCE(max(x.value) FILTER (WHERE x.store_id > 0), max(x.value)) AS name
                            FROM catalog_product_entity_varchar AS x
                            INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
                            WHERE
                                x.entity_id = bs.product_id
                                AND x.store_id IN (0, s.store_id)
                                AND a.attribute_code = 'name'
                        ) AS part
                        WHERE bs.option_id = bo.option_id
                    )
                )
            FROM catalog_product_bundle_option AS bo
            CROSS JOIN LATERAL (
                SELECT COALESCE(max(x.title) FILTER (WHERE x.store_id > 0), max(x.title)) AS label
                FROM catalog_product_bundle_option_value AS x
                WHERE x.option_id = bo.option_id AND x.store_id IN (0, s.store_id)
            ) AS title
            WHERE p.type_id = 'bundle' AND bo.parent_id = p.entity_id
            UNION ALL
            SELECT
                3,
                po.sort_order,
                po.option_id,
                json_build_object(
                    'id', encode(convert_to('custom-option/' || po.option_id, 'UTF8'), 'base64'),
                    'label', title.label,
                    'sortOrder', po.sort_order,
                    'required', po.is_require = 1,
                    'renderType', po.type,
                    'type', 'custom_option',
                    'swatchType', NULL,
                    'values', (
                        SELECT
                            COALESCE(
                                json_agg(
                                    json_build_object(
                                        'priceType', cost.price_type,
                                        'id', encode(
                                            convert_to(
                                                'custom-option/' || po.option_id || '/' || ov.option_type_id, 'UTF8'
                                            ),
                                            'base64'
                                        ),
                                        'label', text.label,
                                        'sortOrder', ov.sort_order,
                                        'sku', ov.sku,
                                        'price', cost.price
                                    ) ORDER BY ov.sort_order, ov.option_type_id
                                ),
                                '[]'
                            )
                        FROM catalog_product_option_type_value AS ov
                        CROSS JOIN LATERAL (
                            SELECT COALESCE(max(x.title) FILTER (WHERE x.store_id > 0), max(x.title)) AS label
                            FROM catalog_product_option_type_title AS x
                            WHERE x.option_type_id = ov.option_type_id AND x.store_id IN (0, s.store_id)
                        ) AS text
                        LEFT JOIN LATERAL (
                            SELECT x.price, x.price_type
                            FROM catalog_product_option_type_price AS x
                            WHERE x.option_type_id = ov.option_type_id AND x.store_id IN (0, s.store_id)
                            ORDER BY x.store_id DESC
                            LIMIT 1
                        ) AS cost ON true
                        WHERE ov.option_id = po.option_id
                    )
                )
            FROM catalog_product_option AS po
            CROSS JOIN LATERAL (
                SELECT COALESCE(max(x.title) FILTER (WHERE x.store_id > 0), max(x.title)) AS label
                FROM catalog_product_option_title AS x
                WHERE x.option_id = po.option_id AND x.store_id IN (0, s.store_id)
            ) AS title
            WHERE
                p.has_options = 1
                AND po.product_id = p.entity_id
                AND po.type IN ('drop_down', 'radio', 'checkbox', 'multiple')
            UNION ALL
            SELECT
                4,
                0,
                0,
                json_build_object(
                    'id', 'link:' || p.entity_id,
                    'label', eav.value ->> 'links_title',
                    'sortOrder', 0,
                    'required', eav.value ->> 'links_purchased_separately' = '1',
                    'renderType', 'downloadable',
                    'type', 'downloadable',
                    'swatchType', NULL,
                    'values', downloadable.values
                )
            WHERE downloadable.values IS NOT NULL
        ) AS o
    ) AS "optionsV2",
    CASE WHEN p.type_id = 'downloadable' THEN (
        SELECT
            COALESCE(
                json_agg(
                    json_build_object(
                        'resource', json_build_object(
                            'url', COALESCE(
                                ds.sample_url, s.base_url || 'downloadable/download/sample/sample_id/' || ds.sample_id
                            ),
                            'label', title.label,
                            'roles', '[]'::json
                        ),
                        'sortOrder', ds.sort_order::text
                    ) ORDER BY ds.sort_order, ds.sample_id
                ),
                '[]'
            )
        FROM downloadable_sample AS ds
        CROSS JOIN LATERAL (
            SELECT COALESCE(max(x.title) FILTER (WHERE x.store_id > 0), max(x.title)) AS label
            FROM downloadable_sample_title AS x
            WHERE x.sample_id = ds.sample_id AND x.store_id IN (0, s.store_id)
        ) AS title
        WHERE ds.product_id = p.entity_id
    ) ELSE '[]' END AS "samples",
    COALESCE(media.images, '[]') AS "images",
    COALESCE(media.videos, '[]') AS "videos",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object('sku', linked.sku, 'type', lt.code)
                    ORDER BY lt.link_type_id, at.position, pl.link_id
                )
            FROM catalog_product_link AS pl
            INNER JOIN catalog_product_link_type AS lt ON lt.link_type_id = pl.link_type_id
            INNER JOIN catalog_product_entity AS linked ON linked.entity_id = pl.linked_product_id
            INNER JOIN catalog_product_website AS sold
                ON sold.product_id = pl.linked_product_id AND sold.website_id = s.website_id
            CROSS JOIN LATERAL (
                SELECT COALESCE(min(x.value), 0) AS position
                FROM catalog_product_link_attribute_int AS x
                INNER JOIN catalog_product_link_attribute AS la
                    ON la.product_link_attribute_id = x.product_link_attribute_id
                WHERE x.link_id = pl.link_id AND la.product_link_attribute_code = 'position'
            ) AS at
            WHERE pl.product_id = p.entity_id
        ),
        '[]'
    ) AS "links",
    stock.is_in_stock AS "inStock",
    stock.is_low AS "lowStock",
    s.base_url || rewrite.canonical AS "url",
    COALESCE(rewrite.list, '[]') AS "urlRewrites",
    CASE WHEN p.type_id = 'configurable' THEN (
        SELECT COALESCE(json_agg(json_build_object('sku', child.sku) ORDER BY child.entity_id), '[]')
        FROM catalog_product_super_link AS sl
        INNER JOIN catalog_product_entity AS child ON child.entity_id = sl.product_id
        WHERE sl.parent_id = p.entity_id
    ) ELSE '[]' END AS "variants",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object('sku', parent.sku, 'productType', parent.type_id) ORDER BY parent.entity_id
                )
            FROM catalog_product_relation AS r
            INNER JOIN catalog_product_entity AS parent ON parent.entity_id = r.parent_id
            INNER JOIN catalog_product_website AS sold
                ON sold.product_id = r.parent_id AND sold.website_id = s.website_id
            WHERE r.child_id = p.entity_id
        ),
        '[]'
    ) AS "parents"
FROM catalog_product_entity AS p
INNER JOIN catalog_product_website AS pw ON pw.product_id = p.entity_id
-- The store views, each with what the configuration says of it: its own value overrules its website's, and that the
-- default one. GROUP BY has it gathered once a statement, not once a document.
INNER JOIN (
    SELECT
        scope.store_id,
        scope.code,
        scope.website_id,
        scope.store_code,
        scope.root_category_id,
        scope.website_code,
        scope.stock_id,
        scope.config ->> 'web/secure/base_url' AS base_url,
        scope.config ->> 'currency/options/base' AS currency,
        COALESCE(scope.config ->> 'general/locale/weight_unit', 'lbs') AS weight_unit,
        COALESCE(scope.config ->> 'cataloginventory/item_options/manage_stock', '1') AS manage_stock,
        COALESCE(scope.config ->> 'cataloginventory/item_options/backorders', '0') AS backorders,
        COALESCE(scope.config ->> 'cataloginventory/item_options/min_qty', '0') AS min_qty,
        COALESCE(scope.config ->> 'cataloginventory/item_options/notify_stock_qty', '1') AS notify_qty,
        scope.config ->> 'cataloginventory/item_options/min_sale_qty' AS min_sale_qty,
        scope.config ->> 'cataloginventory/item_options/max_sale_qty' AS max_sale_qty,
        scope.config ->> 'cataloginventory/item_options/enable_qty_increments' AS enable_qty_increments,
        scope.config ->> 'cataloginventory/item_options/qty_increments' AS qty_increments
    FROM (
        SELECT
            view.store_id,
            view.code,
            view.website_id,
            sg.code AS store_code,
            sg.root_category_id,
            website.code AS website_code,
            channel.stock_id,
            jsonb_object_agg(c.path, c.value ORDER BY c.scope = 'stores', c.scope = 'websites')
                FILTER (WHERE c.path IS NOT NULL) AS config
        FROM store AS view
        INNER JOIN store_group AS sg ON sg.group_id = view.group_id
        INNER JOIN store_website AS website ON website.website_id = view.website_id
        LEFT JOIN inventory_stock_sales_channel AS channel
            ON channel.type = 'website' AND channel.code = website.code
        LEFT JOIN core_config_data AS c
            ON c.path IN (
                'web/secure/base_url',
                'currency/options/base',
                'general/locale/weight_unit',
                'cataloginventory/item_options/manage_stock',
                'cataloginventory/item_options/backorders',
                'cataloginventory/item_options/min_qty',
                'cataloginventory/item_options/notify_stock_qty',
                'cataloginventory/item_options/min_sale_qty',
                'cataloginventory/item_options/max_sale_qty',
                'cataloginventory/item_options/enable_qty_increments',
                'cataloginventory/item_options/qty_increments'
            )
            AND (c.scope = 'default' OR c.scope = 'websites' AND c.scope_id = view.website_id
                OR c.scope = 'stores' AND c.scope_id = view.store_id)
        WHERE view.store_id > 0
        GROUP BY
            view.store_id, view.code, view.website_id, sg.code, sg.root_category_id, website.code, channel.stock_id
    ) AS scope
) AS s ON s.website_id = pw.website_id
-- Each LATERAL is one row, an aggregate without GROUP BY, and stands in a LEFT JOIN: PostgreSQL leaves such a join out
-- where nothing reads it, as when all products are listed.
-- What a product says is gathered once a product, for all store views: by store view, and there by name; the attributes
-- that the shop defined with their options, and these with their labels by store view.
LEFT JOIN LATERAL (
    SELECT
        jsonb_object_agg(v.store_id, v.value) AS value,
        jsonb_object_agg(v.store_id, v.own) FILTER (WHERE v.own IS NOT NULL) AS own
    FROM (
        SELECT
            u.store_id,
            jsonb_object_agg(u.code, u.value) AS value,
            jsonb_object_agg(
                u.code, jsonb_build_object('value', u.value, 'options', u.options, 'ids', COALESCE(u.ids, '[]'))
            ) FILTER (WHERE u.is_user_defined = 1) AS own
        FROM (
            SELECT
                a.attribute_code AS code,
                a.is_user_defined,
                x.store_id,
                x.value::text AS value,
                CASE
                    WHEN a.frontend_input = 'multiselect'
                        THEN (
                            SELECT jsonb_agg(named.labels ORDER BY eo.sort_order, eo.option_id)
                            FROM eav_attribute_option AS eo
                            CROSS JOIN LATERAL (
                                SELECT jsonb_object_agg(o.store_id, o.value) AS labels
                                FROM eav_attribute_option_value AS o
                                WHERE o.option_id = eo.option_id
                            ) AS named
                            WHERE
                                eo.attribute_id = x.attribute_id
                                AND eo.option_id::text = ANY (string_to_array(x.value, ','))
                        )
                END AS options,
                CASE WHEN a.frontend_input = 'multiselect' THEN to_jsonb(string_to_array(x.value, ',')) END AS ids
            FROM catalog_product_entity_varchar AS x
            INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
            WHERE x.entity_id = p.entity_id
            UNION ALL
            SELECT
                a.attribute_code,
                a.is_user_defined,
                x.store_id,
                x.value,
                CASE
                    WHEN a.frontend_input = 'multiselect'
                        THEN (
                            SELECT jsonb_agg(named.labels ORDER BY eo.sort_order, eo.option_id)
                            FROM eav_attribute_option AS eo
                            CROSS JOIN LATERAL (
                                SELECT jsonb_object_agg(o.store_id, o.value) AS labels
                                FROM eav_attribute_option_value AS o
                                WHERE o.option_id = eo.option_id
                            ) AS named
                            WHERE
                                eo.attribute_id = x.attribute_id
                                AND eo.option_id::text = ANY (string_to_array(x.value, ','))
                        )
                END,
                CASE WHEN a.frontend_input = 'multiselect' THEN to_jsonb(string_to_array(x.value, ',')) END
            FROM catalog_product_entity_text AS x
            INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
            WHERE x.entity_id = p.entity_id
            UNION ALL
            SELECT
                a.attribute_code,
                a.is_user_defined,
                x.store_id,
                x.value::text,
                CASE
                    WHEN a.frontend_input = 'boolean'
                        THEN jsonb_build_array(jsonb_build_object('0', CASE x.value WHEN 1 THEN 'Yes' ELSE 'No' END))
                    WHEN a.frontend_input = 'select' AND a.is_user_defined = 1
                        THEN (
                            SELECT jsonb_build_array(jsonb_object_agg(o.store_id, o.value))
                            FROM eav_attribute_option_value AS o
                            WHERE o.option_id = x.value
                        )
                END,
                CASE WHEN a.frontend_input IN ('select', 'boolean') THEN jsonb_build_array(x.value::text) END
            FROM catalog_product_entity_int AS x
            INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
            WHERE x.entity_id = p.entity_id
            UNION ALL
            SELECT
                a.attribute_code,
                a.is_user_defined,
                x.store_id,
                x.value::text,
                NULL,
                NULL
            FROM catalog_product_entity_decimal AS x
            INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
            -- No prices: they are in the feed prices, and change most of all.
            WHERE
                x.entity_id = p.entity_id
                AND (
                    a.is_user_defined = 1 OR a.attribute_code IN ('weight', 'open_amount_min', 'open_amount_max')
                )
            UNION ALL
            SELECT
                a.attribute_code,
                a.is_user_defined,
                x.store_id,
                to_char(x.value, 'YYYY-MM-DD"T"HH24:MI:SS+00:00'),
                NULL,
                NULL
            FROM catalog_product_entity_datetime AS x
            INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
            WHERE x.entity_id = p.entity_id AND a.is_user_defined = 1
        ) AS u
        GROUP BY u.store_id
    ) AS v
) AS said ON true
-- The status, read by itself: products are listed without gathering all that they say.
LEFT JOIN LATERAL (
    SELECT (array_agg(x.value ORDER BY x.store_id DESC, x.value_id))[1] AS status
    FROM catalog_product_entity_int AS x
    INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
    WHERE x.entity_id = p.entity_id AND x.store_id IN (0, s.store_id) AND a.attribute_code = 'status'
) AS has ON true
LEFT JOIN LATERAL (
    -- The store view's own values (NULL, too) overrule the default ones. HAVING has them merged once, not at every use,
    -- and makes it one row, as an aggregate does.
    SELECT
        COALESCE(said.value -> '0', '{}') || COALESCE(said.value -> s.store_id::text, '{}') AS value,
        COALESCE(said.own -> '0', '{}') || COALESCE(said.own -> s.store_id::text, '{}') AS own
    HAVING true
) AS eav ON true
CROSS JOIN LATERAL (
    SELECT
        CASE eav.value ->> 'status' WHEN '1' THEN 'Enabled' ELSE 'Disabled' END AS status,
        CASE eav.value ->> 'visibility'
            WHEN '2' THEN 'Catalog'
            WHEN '3' THEN 'Search'
            WHEN '4' THEN 'Catalog, Search'
            ELSE 'Not Visible Individually'
        END AS visibility
) AS state
LEFT JOIN LATERAL (
    SELECT (array_agg(tc.class_name ORDER BY x.store_id DESC, tc.class_id))[1] AS name
    FROM catalog_product_entity_int AS x
    INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
    INNER JOIN tax_class AS tc ON tc.class_id = x.value
    WHERE x.entity_id = p.entity_id AND x.store_id IN (0, s.store_id) AND a.attribute_code = 'tax_class_id'
) AS tax ON true
LEFT JOIN LATERAL (
    SELECT eas.attribute_set_name AS name
    FROM eav_attribute_set AS eas
    WHERE eas.attribute_set_id = p.attribute_set_id
) AS attribute_set ON true
LEFT JOIN cataloginventory_stock_item AS si ON si.product_id = p.entity_id AND si.stock_id = 1
LEFT JOIN LATERAL (
    SELECT
        CASE WHEN count(*) > 0 THEN COALESCE(sum(i.quantity) FILTER (WHERE i.status = 1), 0) END AS qty,
        bool_or(i.status = 1) AS has_stock
    FROM inventory_source_item AS i
    INNER JOIN inventory_source AS source ON source.source_code = i.source_code
    INNER JOIN inventory_source_stock_link AS l ON l.source_code = i.source_code
    WHERE i.sku = p.sku AND source.enabled = 1 AND l.stock_id = s.stock_id
) AS counted ON true
LEFT JOIN LATERAL (
    SELECT COALESCE(sum(r.quantity), 0) AS qty
    FROM inventory_reservation AS r
    WHERE r.sku = p.sku AND r.stock_id = s.stock_id
) AS reserved ON true
LEFT JOIN LATERAL (
    SELECT bool_or(ss.stock_status = 1) AS in_stock
    FROM cataloginventory_stock_status AS ss
    WHERE ss.product_id = p.entity_id AND p.type_id IN ('configurable', 'bundle', 'grouped')
) AS composite ON true
CROSS JOIN LATERAL (
    -- As in inventoryStockStatus, of the stock that the website sells from.
    SELECT
        si.product_id,
        COALESCE(item.qty, si.qty) AS qty,
        si.is_in_stock = 1 AS status,
        item.managed,
        item.min_qty,
        CASE
            WHEN p.type_id IN ('configurable', 'bundle', 'grouped')
                THEN COALESCE(item.composite, si.is_in_stock = 1, true)
            ELSE NOT item.managed OR COALESCE(
                item.has_stock AND (item.backorders AND item.min_qty = 0 OR item.qty_for_sale > item.min_qty), false
            )
        END AS is_in_stock,
        COALESCE(
            item.managed
            AND NOT (item.backorders AND item.min_qty = 0)
            AND item.qty_for_sale < item.notify_qty,
            false
        ) AS is_low,
        CASE
            WHEN si.product_id IS NOT NULL
                THEN json_build_object(
                    'manageStock', item.managed,
                    'cartMinQty', CASE
                        WHEN si.use_config_min_sale_qty = 0 THEN si.min_sale_qty
                        -- One number, or a JSON object with one for each customer group.
                        WHEN s.min_sale_qty ~ '^[0-9.]+$' THEN s.min_sale_qty::numeric
                        ELSE 1
                    END,
                    'cartMaxQty', CASE
                        WHEN si.use_config_max_sale_qty = 0 THEN si.max_sale_qty
                        ELSE COALESCE(s.max_sale_qty::numeric, 10000)
                    END,
                    'backorders', CASE
                        WHEN NOT item.backorders THEN 'no'
                        WHEN si.backorders = 2 THEN 'allow_and_notify'
                        ELSE 'allow'
                    END,
                    'enableQtyIncrements', CASE
                        WHEN si.use_config_enable_qty_inc = 0 THEN si.enable_qty_increments = 1
                        ELSE COALESCE(s.enable_qty_increments = '1', false)
                    END,
                    'qtyIncrements', CASE
                        WHEN si.use_config_qty_increments = 0 THEN si.qty_increments
                        ELSE COALESCE(s.qty_increments::numeric, 1)
                    END
                )
        END AS terms
    FROM (
        SELECT
            CASE WHEN si.use_config_manage_stock = 0 THEN si.manage_stock <> 0 ELSE s.manage_stock <> '0' END
                AS managed,
            CASE WHEN si.use_config_backorders = 0 THEN si.backorders > 0 ELSE s.backorders <> '0' END
                AS backorders,
            CASE WHEN si.use_config_min_qty = 0 THEN si.min_qty ELSE s.min_qty::numeric END AS min_qty,
            CASE
                WHEN si.use_config_notify_stock_qty = 0 THEN COALESCE(si.notify_stock_qty, 0)
                ELSE s.notify_qty::numeric
            END AS notify_qty,
            counted.qty,
            counted.has_stock,
            counted.qty + reserved.qty AS qty_for_sale,
            composite.in_stock AS composite
    ) AS item
) AS stock
LEFT JOIN LATERAL (
    SELECT
        jsonb_agg(
            jsonb_build_object(
                'id', cp.category_id::text,
                'root', split_part(ce.path, '/', 2),
                'position', cp.position,
                'path', COALESCE(named.paths, '{}'),
                'active', active.flags
            ) ORDER BY cp.category_id
        ) AS categories
    FROM catalog_category_product AS cp
    INNER JOIN catalog_category_entity AS ce ON ce.entity_id = cp.category_id
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(x.store_id, x.value) AS paths
        FROM catalog_category_entity_varchar AS x
        INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
        WHERE x.entity_id = cp.category_id AND a.attribute_code = 'url_path'
    ) AS named
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(x.store_id, x.value = 1) AS flags
        FROM catalog_category_entity_int AS x
        INNER JOIN eav_attribute AS a ON a.attribute_id = x.attribute_id
        WHERE x.entity_id = cp.category_id AND a.attribute_code = 'is_active'
    ) AS active
    -- A root is nothing that a shopper sees.
    WHERE cp.product_id = p.entity_id AND ce.path LIKE '1/%/%'
) AS filed ON true
LEFT JOIN LATERAL (
    -- Those categories of it that are below the store's root and active in the store view.
    SELECT
        json_agg(c.path ORDER BY c.place) AS paths,
        json_agg(c.id ORDER BY c.place) AS ids,
        json_agg(
            json_build_object('categoryId', c.id, 'categoryPath', c.path, 'productPosition', c.position)
            ORDER BY c.place
        ) AS list
    FROM (
        SELECT
            e.place,
            e.category ->> 'id' AS id,
            e.category -> 'position' AS position,
            COALESCE(
                e.category -> 'path' ->> s.store_id::text,
                e.category -> 'path' ->> '0',
                'catalog/category/view/id/' || (e.category ->> 'id')
            ) AS path
        FROM jsonb_array_elements(filed.categories) WITH ORDINALITY AS e (category, place)
        WHERE
            e.category ->> 'root' = s.root_category_id::text
            AND COALESCE(e.category -> 'active' -> s.store_id::text, e.category -> 'active' -> '0') = 'true'
    ) AS c
) AS category ON true
LEFT JOIN LATERAL (
    SELECT
        jsonb_agg(
            jsonb_build_object(
                'type', mg.media_type,
                'file', mg.value,
                'said', COALESCE(named.labels, '{}'),
                'video', COALESCE(film.videos, '{}')
            )
        ORDER BY mg.value_id) AS media
    FROM catalog_product_entity_media_gallery_value_to_entity AS te
    INNER JOIN catalog_product_entity_media_gallery AS mg ON mg.value_id = te.value_id
    CROSS JOIN LATERAL (
        SELECT
            jsonb_object_agg(
                x.store_id,
                jsonb_build_object('label', x.label, 'position', x.position, 'disabled', x.disabled)
            ) AS labels
        FROM catalog_product_entity_media_gallery_value AS x
        WHERE x.entity_id = te.entity_id AND x.value_id = te.value_id
    ) AS named
    CROSS JOIN LATERAL (
        SELECT
            jsonb_object_agg(
                x.store_id,
                jsonb_build_object(
                    'mediaType', mg.media_type,
                    'videoProvider', x.provider,
                    'videoUrl', x.url,
                    'videoTitle', x.title,
                    'videoDescription', x.description,
                    'videoMetadata', x.metadata
                )
            ) AS videos
        FROM catalog_product_entity_media_gallery_value_video AS x
        WHERE x.value_id = te.value_id AND mg.media_type = 'external-video'
    ) AS film
    WHERE te.entity_id = p.entity_id AND mg.disabled = 0
) AS shown ON true
LEFT JOIN LATERAL (
    SELECT
        json_agg(
            json_build_object(
                'url', m.url,
                'label', m.label,
                'types', m.roles,
                'sort_order', m.position,
                'video_attributes', m.video
            ) ORDER BY m.position, m.place
        ) AS gallery,
        json_agg(
            json_build_object(
                'resource', json_build_object('url', m.url, 'label', m.label, 'roles', m.roles),
                'sortOrder', m.position::text
            ) ORDER BY m.position, m.place
        ) FILTER (WHERE m.media_type = 'image') AS images,
        json_agg(
            json_build_object(
                'preview', json_build_object('url', m.url, 'label', m.label, 'roles', m.roles),
                'video', m.video,
                'sortOrder', m.position::text
            ) ORDER BY m.position, m.place
        ) FILTER (WHERE m.media_type = 'external-video') AS videos
    FROM (
        SELECT
            e.place,
            e.item ->> 'type' AS media_type,
            s.base_url || 'media/catalog/product' || (e.item ->> 'file') AS url,
            COALESCE(
                e.item -> 'said' -> s.store_id::text ->> 'label', e.item -> 'said' -> '0' ->> 'label'
            ) AS label,
            COALESCE(
                e.item -> 'said' -> s.store_id::text ->> 'position', e.item -> 'said' -> '0' ->> 'position', '0'
            )::int AS position,
            used.roles,
            COALESCE(e.item -> 'video' -> s.store_id::text, e.item -> 'video' -> '0') AS video
        FROM jsonb_array_elements(shown.media) WITH ORDINALITY AS e (item, place)
        CROSS JOIN LATERAL (
            SELECT COALESCE(json_agg(role.code ORDER BY role.place), '[]') AS roles
            FROM (
                VALUES (1, 'image'), (2, 'small_image'), (3, 'thumbnail'), (4, 'swatch_image')
            ) AS role (place, code)
            WHERE eav.value ->> role.code = e.item ->> 'file'
        ) AS used
        WHERE
            COALESCE(
                e.item -> 'said' -> s.store_id::text ->> 'disabled', e.item -> 'said' -> '0' ->> 'disabled', '0'
            ) = '0'
    ) AS m
) AS media ON true
LEFT JOIN LATERAL (
    SELECT
        min(u.request_path) FILTER (WHERE u.metadata IS NULL) AS canonical,
        json_agg(
            json_build_object(
                'url', s.base_url || u.request_path,
                -- What follows catalog/product/view in the path that is shown: id/1, category/3.
                'parameters', (
                    SELECT
                        COALESCE(
                            json_agg(
                                json_build_object('name', way.parts[place], 'value', way.parts[place + 1])
                                ORDER BY place
                            ),
                            '[]'
                        )
                    FROM (SELECT string_to_array(u.target_path, '/') AS parts) AS way
                    CROSS JOIN generate_series(4, cardinality(way.parts) - 1, 2) AS place
                )
            ) ORDER BY u.request_path, u.url_rewrite_id
        ) AS list
    FROM url_rewrite AS u
    WHERE
        u.entity_id = p.entity_id AND u.store_id = s.store_id AND u.entity_type = 'product' AND u.redirect_type = 0
) AS rewrite ON true
LEFT JOIN LATERAL (
    SELECT
        json_agg(
            json_build_object(
                'id', encode(convert_to('downloadable/' || dl.link_id, 'UTF8'), 'base64'),
                'label', title.label,
                'sortOrder', dl.sort_order,
                'infoUrl', dl.sample_url,
                'price', price.amount
            ) ORDER BY dl.sort_order, dl.link_id
        ) AS values,
        json_agg(
            json_build_object(
                'title', title.label,
                'sortOrder', dl.sort_order,
                'price', price.amount,
                'numberOfDownloads', dl.number_of_downloads,
                'isShareable', dl.is_shareable = 1,
                'sampleUrl', dl.sample_url
            ) ORDER BY dl.sort_order, dl.link_id
        ) AS links
    FROM downloadable_link AS dl
    CROSS JOIN LATERAL (
        SELECT COALESCE(max(x.title) FILTER (WHERE x.store_id > 0), max(x.title)) AS label
        FROM downloadable_link_title AS x
        WHERE x.link_id = dl.link_id AND x.store_id IN (0, s.store_id)
    ) AS title
    CROSS JOIN LATERAL (
        SELECT COALESCE(max(x.price) FILTER (WHERE x.website_id > 0), max(x.price)) AS amount
        FROM downloadable_link_price AS x
        WHERE x.link_id = dl.link_id AND x.website_id IN (0, s.website_id)
    ) AS price
    WHERE p.type_id = 'downloadable' AND dl.product_id = p.entity_id
) AS downloadable ON true
LEFT JOIN LATERAL (
    SELECT
        CASE
            WHEN p.type_id = 'giftcard'
                THEN json_build_object(
                    'type', CASE eav.value ->> 'giftcard_type'
                        WHEN '0' THEN 'virtual' WHEN '1' THEN 'physical' WHEN '2' THEN 'combined'
                    END,
                    'amounts', COALESCE(json_agg(ga.value ORDER BY ga.value, ga.value_id), '[]'),
                    'allowOpenAmount', eav.value ->> 'allow_open_amount' = '1',
                    'openAmountMin', (eav.value ->> 'open_amount_min')::numeric,
                    'openAmountMax', (eav.value ->> 'open_amount_max')::numeric
                )
        END AS amounts
    FROM magento_giftcard_amount AS ga
    WHERE p.type_id = 'giftcard' AND ga.entity_id = p.entity_id AND ga.website_id IN (0, s.website_id)
) AS giftcard ON true
WHERE has.status IS NOT NULL
