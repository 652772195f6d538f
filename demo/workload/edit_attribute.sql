-- An attribute gets another value, for every store view that has none of its own.
UPDATE attribute_value SET value = %(text)s
WHERE product_id = %(product)s AND attribute_id = 2 AND store_view_id = 0
