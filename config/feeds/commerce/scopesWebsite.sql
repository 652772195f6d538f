-- One document per website: its stores, and the store views of each.
SELECT
    w.website_id AS "_website_id",
    w.website_id::text AS "websiteId",
    w.code AS "websiteCode",
    COALESCE(
        (
            SELECT
                json_agg(
                    json_build_object(
                        'storeId', g.group_id::text,
                        'storeCode', g.code,
                        'storeViews', COALESCE(
                            (
                                SELECT
                                    json_agg(
                                        json_build_object('storeViewId', s.store_id::text, 'storeViewCode', s.code)
                                        ORDER BY s.store_id
                                    )
                                FROM store AS s
                                WHERE s.group_id = g.group_id AND s.website_id = w.website_id
                            ),
                            '[]'
                        )
                    ) ORDER BY g.group_id
                )
            FROM store_group AS g
            WHERE g.website_id = w.website_id
        ),
        '[]'
    ) AS "stores"
FROM store_website AS w
WHERE w.website_id > 0
