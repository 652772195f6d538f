-- Something is sold or comes in. Documents say only whether there is stock: most of these change none.
UPDATE stock_item
SET quantity = greatest(0, quantity + CASE WHEN %(number)s %% 2 = 0 THEN 3 ELSE -3 END), counted_at = now()
WHERE product_id = %(product)s
