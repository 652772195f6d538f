-- name: unread
-- Feeds with unread entries in one changelog; read-only, without a lock and an xid. `EXISTS (... e.xid >= xmax OR
-- e.xid = ANY (...))` read the whole changelog for each feed without unread entries. So the newest xid is read once,
-- from the end of the index; then the few transactions that were open at the cursor are looked up one by one. (In
-- index order, because `e.xid = open.xid` is a scan too if one transaction wrote most entries.)
SELECT f.feed, NULL, 0::pg_catalog.float8
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND f.cursor IS NOT NULL AND (
    (SELECT e.xid FROM cdc.{changelog} AS e ORDER BY e.xid DESC LIMIT 1) >= pg_catalog.pg_snapshot_xmax(f.cursor)
    OR EXISTS (
        SELECT FROM pg_catalog.pg_snapshot_xip(f.cursor) AS open (xid)
        WHERE open.xid = (SELECT e.xid FROM cdc.{changelog} AS e WHERE e.xid >= open.xid ORDER BY e.xid LIMIT 1)
    )
)

-- name: waiting
-- Feeds without a cursor, with a backlog, or with failed entities that are due.
SELECT f.feed, NULL, 0::pg_catalog.float8
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND (
    f.cursor IS NULL OR f.backlog_position < f.backlog_end
    OR EXISTS (SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed AND e.retry_at <= pg_catalog.clock_timestamp())
)

-- name: dropped
-- Planned feeds that are no longer stored. Their workers find the reason.
SELECT f.feed, NULL, 0::pg_catalog.float8
FROM pg_catalog.unnest({feeds}) AS f (feed)
WHERE NOT EXISTS (SELECT FROM cdc.feed_state AS s WHERE s.feed = f.feed)

-- name: due
-- Seconds until the next document of a feed is due, if within an hour. now() is the start of this statement, so it
-- can use the index. (min() with HAVING would be simpler, but PostgreSQL 18 can't plan it here.)
SELECT {feed}, NULL, EXTRACT(epoch FROM s.refresh_at - pg_catalog.clock_timestamp())::pg_catalog.float8
FROM (
    SELECT s.refresh_at FROM cdc.{table} AS s
    WHERE s.refresh_at <= pg_catalog.now() + interval '1 hour'
    ORDER BY s.refresh_at
    LIMIT 1
) AS s

-- name: behind
-- Deliveries with undelivered revisions or due failed items. A failing delivery is left out while a daemon holds its
-- lease: that daemon tries again by itself, and waking others would keep them busy.
SELECT d.feed, d.sink, 0::pg_catalog.float8
FROM cdc.delivery AS d
WHERE d.sink = ANY ({sinks}) AND d.feed = ANY ({feeds}) AND (d.behind OR d.due) AND NOT d.paused AND NOT d.awaited
  AND NOT (d.failing AND COALESCE(d.leased_until > pg_catalog.clock_timestamp(), false))

-- name: snapshot
-- The visible state; unchanged if no transaction has written anything since.
SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text
