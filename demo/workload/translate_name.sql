-- One store view gets a name of its own.
INSERT INTO product_text (product_id, store_view_id, name)
SELECT product_id, 2, %(text)s FROM product WHERE product_id = %(product)s
ON CONFLICT (product_id, store_view_id) DO UPDATE SET name = excluded.name
