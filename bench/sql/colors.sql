-- A feed of one attribute: writes to the others are none of its business.
SELECT
    v.product_id,
    v.value AS color
FROM attribute_value AS v
WHERE v.attribute_id = 1 AND v.store_view_id = 0
