-- A run of products, for a writer that goes through the whole shop.
UPDATE price SET regular = regular + 0.01 WHERE website_id = 1 AND product_id BETWEEN %(first)s AND %(last)s
