UPDATE catalog_product_entity_varchar AS v
SET value = 'Probe ' || %(number)s::text
FROM eav_attribute AS a
WHERE a.attribute_id = v.attribute_id AND a.attribute_code = 'name' AND a.entity_type_id = 4
  AND v.store_id = 0 AND v.entity_id = %(product)s
