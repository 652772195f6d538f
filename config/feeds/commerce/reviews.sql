-- One document per approved review of a product that some store view shows.
SELECT
    r.review_id AS "_review_id",
    r.review_id::text AS "reviewId",
    r.entity_pk_value AS "productId",
    (
        SELECT json_agg(s.code ORDER BY s.store_id)
        FROM review_store AS rs
        INNER JOIN store AS s ON s.store_id = rs.store_id
        WHERE rs.review_id = r.review_id AND rs.store_id > 0
    ) AS "visibility",
    d.title AS "title",
    d.nickname AS "nickname",
    d.detail AS "text",
    d.customer_id::text AS "customerId",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'ratingId', encode(convert_to(v.rating_id::text, 'UTF8'), 'base64'), 'value', o.value::text
                    ) ORDER BY v.rating_id, v.vote_id
                )
            FROM rating_option_vote AS v
            INNER JOIN rating_option AS o ON o.option_id = v.option_id
            WHERE v.review_id = r.review_id
        ),
        '[]'
    ) AS "ratings"
FROM review AS r
INNER JOIN review_entity AS e ON e.entity_id = r.entity_id
-- No key says that there is one: the first is taken, for a review must have one document.
INNER JOIN LATERAL (
    SELECT rd.title, rd.nickname, rd.detail, rd.customer_id
    FROM review_detail AS rd
    WHERE rd.review_id = r.review_id
    ORDER BY rd.detail_id
    LIMIT 1
) AS d ON true
WHERE
    r.status_id = 1
    AND e.entity_code = 'product'
    AND EXISTS (SELECT FROM review_store AS shown WHERE shown.review_id = r.review_id AND shown.store_id > 0)
