-- How many documents of each feed show a price of the main website.
SELECT
    (
        SELECT count(*)
        FROM product_website AS pw
        INNER JOIN store_view AS v ON v.website_id = pw.website_id
        WHERE v.is_active AND pw.website_id = 1
    ) AS products,
    (
        SELECT count(*)
        FROM price AS pr
        INNER JOIN product AS p ON p.product_id = pr.product_id
        WHERE p.is_enabled AND pr.website_id = 1
    ) AS prices
