-- name: any
-- Whether a sink may hold documents of a feed under an earlier key.
SELECT EXISTS (SELECT FROM cdc.obsolete_key WHERE sink = %(sink)s AND feed = %(feed)s)

-- name: discard_stored
-- What is a key of the feed again is not obsolete. Keys are compared as jsonb: a key column may have another type now.
-- The delete of a key that was only respelled has a revision of its own, and 1.0 is not 1.00 there: the text of jsonb
-- keeps the zeros.
DELETE FROM cdc.obsolete_key AS l
USING cdc.{table} AS s
WHERE l.sink = %(sink)s AND l.feed = %(feed)s AND NOT s.deleted
  AND l.key::pg_catalog.jsonb = {key_object}::pg_catalog.jsonb
  AND (l.revision IS NULL OR l.key::pg_catalog.jsonb::pg_catalog.text = {key_object}::pg_catalog.jsonb::pg_catalog.text)

-- name: next
-- The next keys to delete, each with the revision of its delete. Several rows may have one key.
SELECT pg_catalog.max(n.id) OVER (), n.key, n.revision
FROM (
    SELECT l.id, l.key, l.revision FROM cdc.obsolete_key AS l
    WHERE l.sink = %(sink)s AND l.feed = %(feed)s
    ORDER BY l.id
    LIMIT %(limit)s
) AS n

-- name: delivered
-- Removes keys whose deletes a sink has taken.
DELETE FROM cdc.obsolete_key WHERE sink = %(sink)s AND feed = %(feed)s AND id <= %(last)s::pg_catalog.int8
