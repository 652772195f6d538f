-- A product goes, and by its foreign keys all that belongs to it.
DELETE FROM product WHERE product_id = %(product)s
