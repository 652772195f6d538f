-- name: row
-- A part of the other statements: what a list tells of the stored row s.
{key_object}::pg_catalog.text, pg_catalog.json_build_array({key_texts})::pg_catalog.text, s.revision, s.deleted,
s.captured_at, s.modified_at, COALESCE(pg_catalog.octet_length(s.document::pg_catalog.text), 0)

-- name: stored
-- How many documents and tombstones a feed has; NULL while the counts don't hold.
SELECT CASE WHEN f.counted_revision = f.revision THEN f.documents + f.tombstones END
FROM cdc.feed_state AS f WHERE f.feed = %(feed)s

-- name: by_key
-- The next documents in the order of their keys, by the index of the primary key.
SELECT {row}
FROM cdc.{feed} AS s
WHERE true {after}
ORDER BY {stored_keys}
LIMIT {limit}

-- name: sorted
-- The next documents by their last update, the newest first. It reads all rows, so it is for small feeds.
SELECT {row}
FROM cdc.{feed} AS s
WHERE %(before)s::pg_catalog.int8 IS NULL OR s.revision < %(before)s::pg_catalog.int8
ORDER BY s.revision DESC
LIMIT {limit}

-- name: newest
-- The next lines of the feed's log, the newest first, each with its document. A line whose document has a later
-- revision comes with NULLs: its document stands further up. An index of the stored feed by revision would make each
-- update of a document write two indexes; the log has the same order, as far as it reaches back.
SELECT p.revision, {row}
FROM (
    SELECT l.revision, {log_keys} FROM cdc.{log} AS l
    WHERE %(before)s::pg_catalog.int8 IS NULL OR l.revision < %(before)s::pg_catalog.int8
    ORDER BY l.revision DESC
    LIMIT {limit}
) AS p
LEFT JOIN LATERAL (
    SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} AND s.revision = p.revision OFFSET 0
) AS s ON true
ORDER BY p.revision DESC

-- name: oldest
-- The next lines of the log after a revision, the oldest first: in this order a sink gets them.
SELECT p.revision, {row}
FROM (
    SELECT l.revision, {log_keys} FROM cdc.{log} AS l
    WHERE l.revision > %(after)s::pg_catalog.int8
    ORDER BY l.revision
    LIMIT {limit}
) AS p
LEFT JOIN LATERAL (
    SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} AND s.revision = p.revision OFFSET 0
) AS s ON true
ORDER BY p.revision

-- name: refused
-- The next documents whose present revision a sink refused, in the order of the digests of their keys: that is the
-- order of the primary key.
SELECT pg_catalog.encode(i.id, 'hex'), {row}
FROM cdc.failed_item AS i
CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::cdc.{feed}, i.key) AS k
CROSS JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s
WHERE i.sink = %(sink)s AND i.feed = %(feed)s AND i.attempts > 0 AND i.revision = s.revision
  AND (i.next_attempt_at IS NULL) = %(parked)s
  AND i.id > pg_catalog.decode(%(after)s, 'hex')
ORDER BY i.id
LIMIT {limit}

-- name: having
-- Documents with some values in key columns.
SELECT {row}
FROM cdc.{feed} AS s
WHERE {matches}
ORDER BY {stored_keys}
LIMIT {limit}

-- name: containing
-- Of the next documents in key order those whose text contains a text, with the document; and the last one of them,
-- so that the search knows where to go on: the last column is true there.
SELECT {row}, CASE WHEN pg_catalog.strpos(s.document::pg_catalog.text, %(text)s) > 0 THEN s.document::pg_catalog.text END,
       s.position = {limit}
FROM (
    SELECT n.*, pg_catalog.row_number() OVER (ORDER BY {numbered_keys}) AS position
    FROM (SELECT s.* FROM cdc.{feed} AS s WHERE true {after} ORDER BY {stored_keys} LIMIT {limit}) AS n
) AS s
WHERE pg_catalog.strpos(s.document::pg_catalog.text, %(text)s) > 0 OR s.position = {limit}
ORDER BY s.position

-- name: key_texts
-- The values of a key (a JSON object) as texts, each in its column's type. A cast from text does not convert composite
-- types or arrays, so the stored feed's row type converts the key.
SELECT pg_catalog.json_build_array({key_texts})::pg_catalog.text
FROM pg_catalog.jsonb_populate_record(NULL::cdc.{feed}, %(key)s::pg_catalog.jsonb) AS k

-- name: sinks
-- How far each sink has a feed.
SELECT s.sink, s.revision, s.scan_until, s.scan_key::pg_catalog.text, s.snapshot_wanted, s.tell_deletes
FROM cdc.sink_state AS s
WHERE s.feed = %(feed)s AND s.sink = ANY (%(sinks)s::pg_catalog.text[])

-- name: items
-- The failed items of some documents, with the place of each key among these.
SELECT i.sink, w.place, i.revision, i.attempts, i.next_attempt_at IS NULL
FROM pg_catalog.unnest(%(keys)s::pg_catalog.text[]) WITH ORDINALITY AS w (key, place)
JOIN cdc.failed_item AS i
    ON i.sink = ANY (%(sinks)s::pg_catalog.text[]) AND i.feed = %(feed)s AND i.id = {id}

-- name: passed
-- Which of some keys a scan in key order has passed, by their places.
SELECT w.place
FROM pg_catalog.unnest(%(keys)s::pg_catalog.text[]) WITH ORDINALITY AS w (key, place)
CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::cdc.{feed}, w.key::pg_catalog.jsonb) AS s
WHERE NOT ({after})
