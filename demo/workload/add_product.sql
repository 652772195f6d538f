-- A new product, with all that belongs to it.
WITH made AS (
    INSERT INTO product (sku, name, weight) VALUES ('NEW-' || gen_random_uuid(), %(text)s, %(number)s)
    RETURNING product_id
),
sold AS (
    INSERT INTO product_website (product_id, website_id) SELECT product_id, 1 FROM made
),
filed AS (
    INSERT INTO product_category (product_id, category_id, position) SELECT product_id, %(category)s, 1 FROM made
),
priced AS (
    INSERT INTO price (product_id, website_id, regular) SELECT product_id, 1, %(number)s + 0.99 FROM made
),
described AS (
    INSERT INTO attribute_value (product_id, attribute_id, store_view_id, value)
    SELECT product_id, attribute_id, 0, 'new' FROM made, attribute
)
INSERT INTO stock_item (product_id, quantity) SELECT product_id, %(number)s FROM made
