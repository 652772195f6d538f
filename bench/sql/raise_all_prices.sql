-- One row per product.
UPDATE price SET regular = regular + 0.01 WHERE website_id = 1
