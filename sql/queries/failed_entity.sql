-- name: among
-- The entities among these that are set aside.
SELECT e.id FROM cdc.failed_entity AS e
WHERE e.feed = %(feed)s AND e.id = ANY (%(ids)s::pg_catalog.bytea[])

-- name: add
-- Sets an entity aside, or records one more failure. The daemon tries it again when a change affects it.
INSERT INTO cdc.failed_entity AS e (feed, id, entity, status, reason, waits_for, retry_at)
VALUES (%(feed)s, %(id)s, %(entity)s, %(status)s, %(reason)s, %(waits_for)s,
        pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(retry_seconds)s::pg_catalog.float8))
ON CONFLICT (feed, id) DO UPDATE
SET status = EXCLUDED.status, reason = EXCLUDED.reason, attempts = e.attempts + 1, waits_for = EXCLUDED.waits_for,
    last_failed_at = EXCLUDED.last_failed_at, retry_at = EXCLUDED.retry_at
RETURNING e.attempts

-- name: remove
-- Removes entities that were computed. They are compared by their types, because one value may have two texts.
DELETE FROM cdc.failed_entity AS e
USING (
    SELECT f.id AS stored, {typed} FROM cdc.failed_entity AS f
    WHERE f.feed = %(feed)s AND f.entity IS NOT NULL
) AS t
WHERE e.feed = %(feed)s AND e.id = t.stored AND {affected}
RETURNING e.id, e.entity

-- name: remove_unknown
-- Records that every entity is known again.
DELETE FROM cdc.failed_entity WHERE feed = %(feed)s AND entity IS NULL

-- name: wake
-- Lets the next pass try the entities that wait for one of these, and those that may have failed because of one of
-- these.
UPDATE cdc.failed_entity AS e
SET retry_at = pg_catalog.clock_timestamp()
WHERE e.feed = %(feed)s AND (e.entity IS NULL OR e.waits_for = ANY (%(ids)s::pg_catalog.bytea[]))

-- name: due
-- Entities that the daemon tries although nothing changed.
SELECT e.entity FROM cdc.failed_entity AS e
WHERE e.feed = %(feed)s AND e.retry_at <= pg_catalog.clock_timestamp()
ORDER BY e.retry_at
LIMIT %(limit)s

-- name: unschedule
-- Forgets the due time of entities that are set aside: a past time would be due again at once. The next time is known
-- when the entity can be computed.
UPDATE cdc.{feed} AS s SET refresh_at = NULL
WHERE s.refresh_at <= pg_catalog.now() AND {affected}

-- name: others
-- Some random entities that are not set aside. If the query computes none of them, it fails for another reason than
-- the entity's rows.
SELECT o.* FROM (
    (SELECT {backlog_texts} FROM cdc.{backlog} AS p, cdc.feed_state AS f
     WHERE f.feed = %(feed)s AND p.position > f.backlog_position
     ORDER BY pg_catalog.random() LIMIT {limit})
    UNION
    (SELECT {stored_texts} FROM cdc.{stored} AS s WHERE NOT s.deleted ORDER BY pg_catalog.random() LIMIT {limit})
) AS o ({names})
WHERE NOT EXISTS (
    SELECT FROM cdc.failed_entity AS e
    WHERE e.feed = %(feed)s AND e.entity OPERATOR(pg_catalog.=) ARRAY[{values}]
)
LIMIT {limit}

-- name: list
-- Entities that are set aside, the oldest first.
SELECT e.feed, e.entity, e.attempts, e.status, e.reason, e.first_failed_at, e.last_failed_at, e.retry_at
FROM cdc.failed_entity AS e
WHERE e.feed = ANY (%(feeds)s)
ORDER BY e.first_failed_at, e.feed, e.id
LIMIT %(limit)s

-- name: counts
-- How many entities of each feed are set aside. No more than `most` are counted.
SELECT n.feed, pg_catalog.count(*)
FROM (
    SELECT e.feed FROM cdc.failed_entity AS e WHERE e.feed = ANY (%(feeds)s::pg_catalog.text[]) LIMIT %(most)s
) AS n
GROUP BY n.feed
ORDER BY n.feed

-- name: retry
-- Lets the next pass try entities that are set aside.
UPDATE cdc.failed_entity AS e
SET retry_at = pg_catalog.clock_timestamp()
WHERE e.feed = %(feed)s
  AND NOT EXISTS (
    SELECT FROM UNNEST(%(positions)s::pg_catalog.int4[], %(values)s::pg_catalog.text[]) AS w (position, value)
    WHERE e.entity[w.position] IS DISTINCT FROM w.value
)
