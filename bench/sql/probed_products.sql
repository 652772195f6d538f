SELECT DISTINCT p.entity_id
FROM catalog_product_entity AS p
INNER JOIN catalog_product_website AS w ON w.product_id = p.entity_id
WHERE p.type_id = 'simple'
ORDER BY p.entity_id
