-- The last one is sold.
UPDATE stock_item SET quantity = 0, counted_at = now() WHERE product_id = %(product)s
