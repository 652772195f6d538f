-- How many documents the products feed has.
SELECT count(*)
FROM product_website AS pw
INNER JOIN store_view AS v ON v.website_id = pw.website_id
WHERE v.is_active
