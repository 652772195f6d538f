-- One document per configurable product and simple product that is a choice of it.
SELECT
    md5('configurable/' || parent.sku || '/' || child.sku) AS "id",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'attributeCode', a.attribute_code,
                        'uid', encode(
                            convert_to('configurable/' || a.attribute_id || '/' || v.value, 'UTF8'), 'base64'
                        ),
                        'label', o.value,
                        'valueIndex', v.value::text
                    ) ORDER BY sa.position, sa.product_super_attribute_id
                )
            FROM catalog_product_super_attribute AS sa
            INNER JOIN eav_attribute AS a ON a.attribute_id = sa.attribute_id
            INNER JOIN catalog_product_entity_int AS v
                ON v.entity_id = l.product_id AND v.attribute_id = sa.attribute_id AND v.store_id = 0
            LEFT JOIN eav_attribute_option_value AS o ON o.option_id = v.value AND o.store_id = 0
            WHERE sa.product_id = l.parent_id
        ),
        '[]'
    ) AS "optionValues",
    l.parent_id::text AS "parentId",
    l.product_id AS "_product_id",
    l.product_id::text AS "productId",
    parent.sku AS "parentSku",
    child.sku AS "productSku",
    false AS "deleted",
    to_char(child.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS+00:00') AS "modifiedAt"
FROM catalog_product_super_link AS l
INNER JOIN catalog_product_entity AS parent ON parent.entity_id = l.parent_id
INNER JOIN catalog_product_entity AS child ON child.entity_id = l.product_id
WHERE parent.type_id = 'configurable'
