-- One document per customer group: the websites that it exists in.
SELECT
    g.customer_group_id AS "_customer_group_id",
    g.customer_group_id::text AS "customerGroupId",
    sha1(g.customer_group_id::text) AS "customerGroupCode",
    -- Every group names every website that does not exclude it: a new website concerns all of them.
    COALESCE(
        (
            SELECT json_agg(w.code ORDER BY w.website_id)
            FROM store_website AS w
            WHERE
                w.website_id > 0
                AND NOT EXISTS (
                    SELECT FROM customer_group_excluded_website AS x
                    WHERE x.customer_group_id = g.customer_group_id AND x.website_id = w.website_id
                )
        ),
        '[]'
    ) AS "websites"
FROM customer_group AS g
