-- name: id
-- The digest by which a key (jsonb) is found. As JSON, a key may be too long for an index. Two spellings of a key are two
-- keys here, because receivers may tell them apart. The text of jsonb keeps the digits of a number.
pg_catalog.sha256(pg_catalog.convert_to({key}::pg_catalog.text, 'UTF8'))

-- name: refuse
-- Records documents that the sink refused, each alone. The pause before the next attempt grows, with full jitter
-- (sleep = random(0, min(cap, base * 2 ^ attempt)): "Exponential Backoff And Jitter", AWS Architecture Blog). After
-- the last attempt the item is parked. With a new revision the attempts begin anew.
WITH told AS (
    SELECT DISTINCT ON (id) r.*, {id} AS id
    FROM UNNEST(
        %(keys)s::pg_catalog.text[]::pg_catalog.jsonb[], %(revisions)s::pg_catalog.int8[],
        %(statuses)s::pg_catalog.text[], %(reasons)s::pg_catalog.text[]
    ) AS r (key, revision, status, reason)
    ORDER BY id, r.revision DESC
), refused AS (
    SELECT r.*, COALESCE(CASE WHEN i.revision = r.revision THEN i.attempts END, 0) + 1 AS attempts
    FROM told AS r
    LEFT JOIN cdc.failed_item AS i ON i.sink = %(sink)s AND i.feed = %(feed)s AND i.id = r.id
)
INSERT INTO cdc.failed_item AS i
    (sink, feed, id, key, revision, attempts, status, reason, first_failed_at, next_attempt_at)
SELECT %(sink)s, %(feed)s, r.id, r.key, r.revision, r.attempts, r.status, r.reason, pg_catalog.clock_timestamp(),
       CASE WHEN r.attempts < %(max_attempts)s THEN
           pg_catalog.clock_timestamp() + pg_catalog.make_interval(
               secs => pg_catalog.random() * LEAST(%(cap)s, %(base)s * 2 ^ LEAST(r.attempts, 30)))
       END
FROM refused AS r
ON CONFLICT (sink, feed, id) DO UPDATE
SET attempts = EXCLUDED.attempts, revision = EXCLUDED.revision, status = EXCLUDED.status, reason = EXCLUDED.reason,
    first_failed_at = CASE WHEN i.revision = EXCLUDED.revision AND i.attempts > 0 THEN i.first_failed_at
                      ELSE EXCLUDED.first_failed_at END,
    next_attempt_at = EXCLUDED.next_attempt_at
RETURNING i.revision, i.attempts, i.next_attempt_at IS NULL

-- name: postpone
-- The sink took nothing, so the attempt does not count.
UPDATE cdc.failed_item
SET next_attempt_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE sink = %(sink)s AND feed = %(feed)s AND next_attempt_at <= pg_catalog.clock_timestamp()

-- name: accepted
-- Removes failed items that the sink has taken now.
WITH taken AS MATERIALIZED (
    SELECT t.key AS told, {id} AS id
    FROM UNNEST(%(keys)s::pg_catalog.text[]) AS t (key) CROSS JOIN LATERAL (SELECT t.key::pg_catalog.jsonb AS key) AS r
)
DELETE FROM cdc.failed_item AS i USING taken AS t
WHERE i.sink = %(sink)s AND i.feed = %(feed)s AND i.id = t.id
RETURNING t.told

-- name: any
-- Whether a sink has refused documents of a feed that are not delivered yet.
SELECT EXISTS (SELECT FROM cdc.failed_item WHERE sink = %(sink)s AND feed = %(feed)s)

-- name: of_revisions
-- The revisions among these that the sink refused before. Each has its own time for the next attempt.
SELECT revision FROM cdc.failed_item
WHERE sink = %(sink)s AND feed = %(feed)s AND attempts > 0
  AND revision = ANY (%(revisions)s::pg_catalog.int8[])

-- name: chosen
-- A part of the next ones: the condition that a person chose an item. A NULL asks for nothing. Items that are named one
-- by one come as three arrays.
i.feed = ANY (%(feeds)s::pg_catalog.text[]) AND (%(sink)s::pg_catalog.text IS NULL OR i.sink = %(sink)s)
  AND (%(status)s::pg_catalog.text IS NULL OR i.status = %(status)s)
  AND (%(parked)s::pg_catalog.bool IS NULL OR (i.next_attempt_at IS NULL) = %(parked)s)
  AND (%(words)s::pg_catalog.text IS NULL
       OR pg_catalog.strpos(pg_catalog.lower(i.reason), pg_catalog.lower(%(words)s)) > 0)
  AND (%(item_ids)s::pg_catalog.text[] IS NULL OR EXISTS (
    SELECT FROM UNNEST(
        %(item_sinks)s::pg_catalog.text[], %(item_feeds)s::pg_catalog.text[], %(item_ids)s::pg_catalog.text[]
    ) AS c (sink, feed, id)
    WHERE c.sink = i.sink AND c.feed = i.feed AND pg_catalog.decode(c.id, 'hex') = i.id
))
  AND NOT EXISTS (
    SELECT FROM UNNEST(%(names)s::pg_catalog.text[], %(values)s::pg_catalog.text[]) AS w (name, value)
    WHERE (i.key OPERATOR(pg_catalog.->>) w.name) IS DISTINCT FROM w.value
)

-- name: list
-- Chosen failed items, the oldest first.
SELECT i.sink, i.feed, i.key::pg_catalog.text, i.revision, i.attempts, i.status, i.reason, i.first_failed_at,
       i.next_attempt_at
FROM cdc.failed_item AS i
WHERE {chosen}
ORDER BY i.first_failed_at, i.sink, i.feed, i.key

-- name: page
-- The next chosen failed items, the newest first, each with the digest of its key. The place of the page before is the
-- time and the digest of its last item.
SELECT pg_catalog.encode(i.id, 'hex'), i.sink, i.feed, i.key::pg_catalog.text, i.revision, i.attempts, i.status, i.reason,
       i.first_failed_at, i.next_attempt_at
FROM cdc.failed_item AS i
WHERE {chosen}
  AND (%(before)s::pg_catalog.timestamptz IS NULL
       OR (i.first_failed_at, i.sink, i.feed, i.id)
          < (%(before)s, %(before_sink)s::pg_catalog.text, %(before_feed)s::pg_catalog.text,
             pg_catalog.decode(%(before_id)s, 'hex')))
ORDER BY i.first_failed_at DESC, i.sink DESC, i.feed DESC, i.id DESC
LIMIT %(limit)s

-- name: counts
-- How many failed items each sink has of each feed, by the receiver's code. No more than `most` are counted.
SELECT n.sink, n.feed, n.status, n.parked, pg_catalog.count(*), pg_catalog.min(n.first_failed_at)
FROM (
    SELECT i.sink, i.feed, i.status, i.next_attempt_at IS NULL AS parked, i.first_failed_at
    FROM cdc.failed_item AS i WHERE i.feed = ANY (%(feeds)s::pg_catalog.text[])
    LIMIT %(most)s
) AS n
GROUP BY n.sink, n.feed, n.status, n.parked
ORDER BY n.sink, n.feed, n.status, n.parked

-- name: retry
-- Makes chosen failed items due now, also parked ones, with all their attempts.
UPDATE cdc.failed_item AS i
SET attempts = 0, next_attempt_at = pg_catalog.clock_timestamp()
WHERE {chosen}

-- name: discard
-- Removes chosen failed items without delivering them.
DELETE FROM cdc.failed_item AS i
WHERE {chosen}
RETURNING i.revision

-- name: forget
-- Forgets the failed items of a sink that was removed.
DELETE FROM cdc.failed_item WHERE sink = {sink} AND feed = {feed}

-- name: forget_newer
-- Forgets the failed items that the normal order delivers again.
DELETE FROM cdc.failed_item WHERE sink = %(sink)s AND feed = %(feed)s AND revision > %(revision)s::int8
