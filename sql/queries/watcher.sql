-- name: unread
-- Feeds that have entries of one changelog to read; read-only, takes no lock and no xid.
SELECT 'feed', f.feed, 0::pg_catalog.float8
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND f.cursor IS NOT NULL AND EXISTS (
    SELECT FROM cdc.{changelog} AS e
    WHERE e.xid >= pg_catalog.pg_snapshot_xmax(f.cursor)
       OR e.xid = ANY (ARRAY(SELECT pg_catalog.pg_snapshot_xip(f.cursor)))
)

-- name: waiting
-- Feeds that have no cursor yet, or entities in the slow lane.
SELECT 'feed', f.feed, 0::pg_catalog.float8
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND (f.cursor IS NULL OR f.pending_position < f.pending_end)

-- name: due
-- In how many seconds the next document of a feed wants to be recomputed, if within an hour. now() is the start
-- of this statement, so it can use the index. (min() HAVING it is not NULL: PostgreSQL 18 can't plan that here.)
SELECT 'feed', {feed}, EXTRACT(epoch FROM s.refresh_at - pg_catalog.clock_timestamp())::pg_catalog.float8
FROM (
    SELECT s.refresh_at FROM cdc.{table} AS s
    WHERE s.refresh_at <= pg_catalog.now() + interval '1 hour'
    ORDER BY s.refresh_at
    LIMIT 1
) AS s

-- name: behind
-- Sinks that lack revisions of a feed.
SELECT 'sink', s.sink, 0::pg_catalog.float8
FROM cdc.sink_state AS s JOIN cdc.feed_state AS f ON f.feed = s.feed
WHERE s.sink = ANY ({sinks}) AND (s.revision < f.revision OR s.scan_until IS NOT NULL)
