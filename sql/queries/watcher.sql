-- name: unread
-- Feeds that have entries of one changelog to read; read-only, takes no lock and no xid.
SELECT f.feed, NULL, 0::pg_catalog.float8
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND f.cursor IS NOT NULL AND EXISTS (
    SELECT FROM cdc.{changelog} AS e
    WHERE e.xid >= pg_catalog.pg_snapshot_xmax(f.cursor)
       OR e.xid = ANY (ARRAY(SELECT pg_catalog.pg_snapshot_xip(f.cursor)))
)

-- name: waiting
-- Feeds that have no cursor yet, or entities in the slow lane.
SELECT f.feed, NULL, 0::pg_catalog.float8
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND (f.cursor IS NULL OR f.pending_position < f.pending_end)

-- name: due
-- In how many seconds the next document of a feed wants to be recomputed, if within an hour. now() is the start
-- of this statement, so it can use the index. (min() HAVING it is not NULL: PostgreSQL 18 can't plan that here.)
SELECT {feed}, NULL, EXTRACT(epoch FROM s.refresh_at - pg_catalog.clock_timestamp())::pg_catalog.float8
FROM (
    SELECT s.refresh_at FROM cdc.{table} AS s
    WHERE s.refresh_at <= pg_catalog.now() + interval '1 hour'
    ORDER BY s.refresh_at
    LIMIT 1
) AS s

-- name: behind
-- Sinks that lack revisions of a feed, or have failed items that are due. One that fails is not among them while
-- somebody has its lease: who has it tries again by itself, and looking at it would keep us from resting.
SELECT d.feed, d.sink, 0::pg_catalog.float8
FROM cdc.delivery AS d
WHERE d.sink = ANY ({sinks}) AND d.feed = ANY ({feeds}) AND (d.behind OR d.due) AND NOT d.paused AND NOT d.awaited
  AND NOT (d.failing AND COALESCE(d.leased_until > pg_catalog.clock_timestamp(), false))
