-- The documents of one feed: every row is a document, every output column a field of it.
-- Write any SELECT; it runs as it is in psql. No random(), and now() only together with a column
-- _refresh_at (timestamptz): when to ask again. Columns that begin with _ are not part of the document.
SELECT
    p.sku,
    p.name,
    p.price,
    COALESCE(s.quantity, 0) AS quantity
FROM product AS p
LEFT JOIN stock AS s ON s.product_id = p.id
