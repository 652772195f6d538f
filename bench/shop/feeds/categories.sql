-- One document per category and store view, with the number of products that it shows.
SELECT
    c.category_id AS "categoryId",
    v.code AS "storeViewCode",
    c.slug AS "slug",
    COALESCE(parent.slug || '/', '') || c.slug AS "path",
    COALESCE(said.name, c.name) AS "name",
    c.parent_id AS "parentId",
    c.position AS "position",
    c.is_active AS "isActive",
    (
        SELECT count(*)
        FROM product_category AS pc
        INNER JOIN product AS p ON p.product_id = pc.product_id
        WHERE pc.category_id = c.category_id AND p.is_enabled
    ) AS "products"
FROM category AS c
CROSS JOIN store_view AS v
LEFT JOIN category AS parent ON parent.category_id = c.parent_id
LEFT JOIN category_text AS said ON said.category_id = c.category_id AND said.store_view_id = v.store_view_id
WHERE v.is_active
