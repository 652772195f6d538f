-- One document per active rating and store view that shows it.
SELECT
    r.rating_id AS "_rating_id",
    r.rating_id::text AS "ratingId",
    s.code AS "storeViewCode",
    COALESCE(t.value, r.rating_code) AS "name",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'valueId', encode(convert_to(o.option_id::text, 'UTF8'), 'base64'),
                        'value', o.value::text,
                        'position', o.position
                    ) ORDER BY o.position, o.option_id
                )
            FROM rating_option AS o
            WHERE o.rating_id = r.rating_id
        ),
        '[]'
    ) AS "values"
FROM rating AS r
INNER JOIN rating_store AS rs ON rs.rating_id = r.rating_id
INNER JOIN store AS s ON s.store_id = rs.store_id
LEFT JOIN rating_title AS t ON t.rating_id = r.rating_id AND t.store_id = rs.store_id
WHERE r.is_active = 1 AND rs.store_id > 0
