UPDATE catalog_product_entity_decimal AS d
SET value = ('9' || %(number)s || '.25')::numeric
FROM eav_attribute AS a
WHERE a.attribute_id = d.attribute_id AND a.attribute_code = 'price' AND d.store_id = 0 AND d.entity_id = %(product)s
