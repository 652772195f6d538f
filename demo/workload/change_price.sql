-- A price changes, by a cent at least.
UPDATE price SET regular = regular + %(number)s / 100.0 WHERE product_id = %(product)s AND website_id = 1
