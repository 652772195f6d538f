-- name: any
-- Whether a sink may hold documents of a feed under an earlier key.
SELECT EXISTS (SELECT FROM cdc.obsolete_key WHERE sink = %(sink)s AND feed = %(feed)s)

-- name: discard_stored
-- What is a key of the feed again is not obsolete. Keys are compared as jsonb: a key column may have another type now.
DELETE FROM cdc.obsolete_key AS l
USING cdc.{table} AS s
WHERE l.sink = %(sink)s AND l.feed = %(feed)s AND NOT s.deleted
  AND l.key::pg_catalog.jsonb = {key_object}::pg_catalog.jsonb

-- name: next
-- The keys to delete next; several lines may name one key.
SELECT pg_catalog.max(n.id) OVER (), n.key
FROM (
    SELECT l.id, l.key FROM cdc.obsolete_key AS l
    WHERE l.sink = %(sink)s AND l.feed = %(feed)s
    ORDER BY l.id
    LIMIT %(limit)s
) AS n

-- name: delivered
-- Forgets obsolete keys whose deletes a sink has taken.
DELETE FROM cdc.obsolete_key WHERE sink = %(sink)s AND feed = %(feed)s AND id <= %(last)s::pg_catalog.int8
