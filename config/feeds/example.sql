-- The documents of one feed: every row is a document, and every output column is a field of it.
-- Write any SELECT that runs in psql. Don't use random(). Use now() only with a column _refresh_at (timestamptz):
-- the time of the next recomputation. Columns whose names begin with _ are not part of the document.
SELECT
    p.sku,
    p.name,
    p.price,
    COALESCE(s.quantity, 0) AS quantity
FROM product AS p
LEFT JOIN stock AS s ON s.product_id = p.id
