-- name: lock_feed
-- Locks a feed's state row as a pass does, after the pass that holds it. No row: the feed is not installed.
-- Naive: SKIP LOCKED, again and again. Passes of a large resync follow each other within milliseconds, so a try would
-- hardly ever come between two of them. A waiting session is woken when the pass ends.
SELECT f.backlog_position, f.backlog_end FROM cdc.feed_state AS f WHERE f.feed = %(feed)s FOR UPDATE

-- name: left_out
-- Ranges of the backlog above a position that chunks leave out, because their resyncs are paused or cancelled.
SELECT r.first_position, r.last_position
FROM cdc.resync AS r
WHERE r.feed = %(feed)s AND (r.paused_at IS NOT NULL OR r.cancelled_at IS NOT NULL) AND r.last_position > %(after)s
ORDER BY r.first_position

-- name: move_on
-- Moves the position in the backlog over entities that are left out.
UPDATE cdc.feed_state
SET generation = generation + 1, backlog_position = %(position)s::int8,
    synced_at = CASE WHEN %(position)s::int8 >= backlog_end THEN COALESCE(synced_at, pg_catalog.now()) ELSE synced_at END
WHERE feed = %(feed)s

-- name: keeps_backlog
-- Whether the backlog holds entities of a paused resync.
SELECT EXISTS (SELECT FROM cdc.resync AS r WHERE r.feed = %(feed)s AND r.finished_at IS NULL AND r.paused_at IS NOT NULL)

-- name: pause
-- Pauses requested resyncs that have entities left: this one, or all.
UPDATE cdc.resync AS r
SET paused_at = pg_catalog.clock_timestamp(),
    done = r.done + LEAST(GREATEST(f.backlog_position - r.first_position + 1, 0), r.entities - r.done),
    first_position = GREATEST(r.first_position, f.backlog_position + 1)
FROM cdc.feed_state AS f
WHERE r.feed = %(feed)s AND f.feed = r.feed AND r.reason = %(reason)s AND (%(number)s::int8 IS NULL OR r.id = %(number)s)
  AND r.finished_at IS NULL AND r.paused_at IS NULL AND r.last_position > f.backlog_position
RETURNING r.id, r.done, r.entities

-- name: cancel
-- Cancels requested resyncs that have entities left: this one, or all.
UPDATE cdc.resync AS r
SET cancelled_at = pg_catalog.clock_timestamp(), finished_at = pg_catalog.clock_timestamp(), paused_at = NULL,
    done = CASE WHEN r.paused_at IS NULL
           THEN r.done + LEAST(GREATEST(f.backlog_position - r.first_position + 1, 0), r.entities - r.done)
           ELSE r.done END
FROM cdc.feed_state AS f
WHERE r.feed = %(feed)s AND f.feed = r.feed AND r.reason = %(reason)s AND (%(number)s::int8 IS NULL OR r.id = %(number)s)
  AND r.finished_at IS NULL AND (r.paused_at IS NOT NULL OR r.last_position > f.backlog_position)
RETURNING r.id, r.done, r.entities

-- name: paused
-- The paused resyncs of a feed: this one, or all.
SELECT r.id, r.done, r.entities, r.first_position, r.last_position
FROM cdc.resync AS r
WHERE r.feed = %(feed)s AND r.finished_at IS NULL AND r.paused_at IS NOT NULL
  AND (%(number)s::int8 IS NULL OR r.id = %(number)s)
ORDER BY r.id

-- name: entity_columns
-- The columns of a backlog that hold the entity.
SELECT a.attname::pg_catalog.text
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = pg_catalog.to_regclass(pg_catalog.format('cdc.%%I', %(backlog)s::pg_catalog.text))
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (ARRAY['position', 'force']::name[])
ORDER BY a.attnum

-- name: queue_again
-- Appends the entities that a paused resync has left, in their order. The position in the backlog may be far above
-- their own ones.
WITH added AS (
    INSERT INTO cdc.{backlog} (force, {columns})
    SELECT p.force, {columns} FROM cdc.{backlog} AS p
    WHERE p.position BETWEEN %(first)s AND %(last)s
    ORDER BY p.position
    RETURNING position
)
SELECT pg_catalog.count(*), pg_catalog.min(a.position), pg_catalog.max(a.position) FROM added AS a

-- name: resume
-- Resumes a paused resync with the entities that are left.
UPDATE cdc.resync AS r
SET paused_at = NULL, entities = r.done + %(count)s::int8,
    first_position = COALESCE(%(first)s::int8, r.first_position), last_position = COALESCE(%(last)s::int8, r.last_position),
    finished_at = CASE WHEN %(count)s::int8 = 0 THEN pg_catalog.clock_timestamp() END
WHERE r.id = %(number)s

-- name: of_feed
-- The resyncs of a feed, unfinished ones first, then the latest; how far each is, and the position in the backlog.
SELECT r.id, r.reason, r.force, r.entities,
       CASE WHEN r.finished_at IS NOT NULL AND r.cancelled_at IS NULL THEN r.entities
            WHEN r.paused_at IS NOT NULL OR r.cancelled_at IS NOT NULL THEN r.done
            ELSE r.done + LEAST(GREATEST(f.backlog_position - r.first_position + 1, 0), r.entities - r.done) END AS done,
       CASE WHEN r.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN r.finished_at IS NOT NULL THEN 'finished'
            WHEN r.paused_at IS NOT NULL THEN 'paused'
            WHEN r.first_position > f.backlog_position + 1 AND EXISTS (
                SELECT FROM cdc.resync AS e
                WHERE e.feed = r.feed AND e.finished_at IS NULL AND e.paused_at IS NULL
                  AND e.first_position < r.first_position AND e.last_position > f.backlog_position
            ) THEN 'waiting'
            ELSE 'running' END AS state,
       r.requested_at, COALESCE(r.finished_at, r.paused_at) AS ended_at,
       EXTRACT(epoch FROM COALESCE(r.finished_at, r.paused_at, pg_catalog.clock_timestamp()) - r.requested_at)::pg_catalog.float8
           AS seconds,
       r.last_position - f.backlog_position AS ahead,
       f.stopped_reason
FROM (
    (SELECT * FROM cdc.resync AS u WHERE u.feed = %(feed)s AND u.finished_at IS NULL ORDER BY u.id LIMIT %(limit)s)
    UNION
    (SELECT * FROM cdc.resync AS l WHERE l.feed = %(feed)s ORDER BY l.id DESC LIMIT %(limit)s)
) AS r
JOIN cdc.feed_state AS f ON f.feed = r.feed
ORDER BY r.finished_at IS NOT NULL, r.id DESC
