-- name: any
-- Whether a sink may hold documents of a feed under an earlier key.
SELECT EXISTS (SELECT FROM cdc.leftover WHERE sink = %(sink)s AND feed = %(feed)s)

-- name: discard_stored
-- What is a key of the feed again is no leftover. Keys are compared as jsonb: a key column may have another type now.
DELETE FROM cdc.leftover AS l
USING cdc.{table} AS s
WHERE l.sink = %(sink)s AND l.feed = %(feed)s AND NOT s.deleted
  AND l.key::pg_catalog.jsonb = {key_object}::pg_catalog.jsonb

-- name: next
-- The keys to delete next; several lines may name one key.
SELECT pg_catalog.max(n.id) OVER (), n.key
FROM (
    SELECT l.id, l.key FROM cdc.leftover AS l
    WHERE l.sink = %(sink)s AND l.feed = %(feed)s
    ORDER BY l.id
    LIMIT %(limit)s
) AS n

-- name: delivered
-- Forgets leftovers whose deletes a sink has taken.
DELETE FROM cdc.leftover WHERE sink = %(sink)s AND feed = %(feed)s AND id <= %(last)s::pg_catalog.int8
