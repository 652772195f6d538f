-- The documents of one feed: every row is a document, every output column a field of it.
-- Write any SELECT; it runs as it is in psql. No semicolon, and no now() or random(): a document may depend on
-- tables only. Columns that begin with _ steer the daemon and are not part of the document.
SELECT
    p.sku,
    p.name,
    p.price,
    COALESCE(s.quantity, 0) AS quantity
FROM product AS p
LEFT JOIN stock AS s ON s.product_id = p.id
