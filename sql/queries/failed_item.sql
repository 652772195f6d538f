-- name: id
-- The text by which a key (jsonb) is found. As JSON, a key may be too long for an index. Trailing zeros of numbers
-- are removed first, because jsonb takes 1.0 and 1.00 for one value. The expression matches a JSON string as a whole,
-- so that it stays as it is. (The expression takes 15 us for a key, the rest 2 us. Most keys have no point.)
pg_catalog.sha256(pg_catalog.convert_to(CASE WHEN pg_catalog.strpos({key}::pg_catalog.text, '.') = 0
    THEN {key}::pg_catalog.text
    ELSE pg_catalog.regexp_replace({key}::pg_catalog.text,
                                   '("(?:[^"\\]|\\.)*")|(\.\d*[1-9])0+(?!\d)|\.0+(?!\d)', '\1\2', 'g')
    END, 'UTF8'))

-- name: refuse
-- Records documents that the sink refused, each alone. The pause before the next attempt grows, with full jitter
-- (sleep = random(0, min(cap, base * 2 ^ attempt)): "Exponential Backoff And Jitter", AWS Architecture Blog). After
-- the last attempt the item is parked. With a new revision the attempts begin anew. (A document whose key has another
-- spelling goes with a delete of the old one: both are one item, which has the later revision.)
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

-- name: list
-- Failed items, the oldest first.
SELECT i.sink, i.feed, i.key::pg_catalog.text, i.revision, i.attempts, i.status, i.reason, i.first_failed_at,
       i.next_attempt_at
FROM cdc.failed_item AS i
WHERE i.feed = ANY (%(feeds)s) AND (%(sink)s::pg_catalog.text IS NULL OR i.sink = %(sink)s)
  AND NOT EXISTS (
    SELECT FROM UNNEST(%(names)s::pg_catalog.text[], %(values)s::pg_catalog.text[]) AS w (name, value)
    WHERE (i.key OPERATOR(pg_catalog.->>) w.name) IS DISTINCT FROM w.value
)
ORDER BY i.first_failed_at, i.sink, i.feed, i.key

-- name: retry
-- Makes failed items due now, also parked ones, with all their attempts.
UPDATE cdc.failed_item AS i
SET attempts = 0, next_attempt_at = pg_catalog.clock_timestamp()
WHERE i.feed = ANY (%(feeds)s) AND (%(sink)s::pg_catalog.text IS NULL OR i.sink = %(sink)s)
  AND NOT EXISTS (
    SELECT FROM UNNEST(%(names)s::pg_catalog.text[], %(values)s::pg_catalog.text[]) AS w (name, value)
    WHERE (i.key OPERATOR(pg_catalog.->>) w.name) IS DISTINCT FROM w.value
)

-- name: discard
-- Removes failed items without delivering them.
DELETE FROM cdc.failed_item AS i
WHERE i.feed = %(feed)s AND (%(sink)s::pg_catalog.text IS NULL OR i.sink = %(sink)s)
  AND NOT EXISTS (
    SELECT FROM UNNEST(%(names)s::pg_catalog.text[], %(values)s::pg_catalog.text[]) AS w (name, value)
    WHERE (i.key OPERATOR(pg_catalog.->>) w.name) IS DISTINCT FROM w.value
)
RETURNING i.revision

-- name: forget
-- Forgets the failed items of a sink that was removed.
DELETE FROM cdc.failed_item WHERE sink = {sink} AND feed = {feed}

-- name: forget_newer
-- Forgets the failed items that the normal order delivers again.
DELETE FROM cdc.failed_item WHERE sink = %(sink)s AND feed = %(feed)s AND revision > %(revision)s::int8
