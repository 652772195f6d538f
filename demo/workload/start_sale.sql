-- A whole category goes on sale: many rows, one statement, one entry.
UPDATE price SET special = round(regular * (100 - %(number)s) / 100, 2)
WHERE website_id = 1 AND product_id IN (SELECT product_id FROM product_category WHERE category_id = %(category)s)
