-- name: unread
-- Feeds that have entries of one changelog to read; read-only, takes no lock and no xid.
-- `EXISTS (... e.xid >= xmax OR e.xid = ANY (...))` read the whole changelog for each feed that had read it all. The
-- newest xid is found once, at the end of the index; the transactions that a cursor saw open are few, each looked up.
-- (By the next entry in order: where one transaction wrote most entries, `e.xid = open.xid` is a scan, too.)
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
-- Feeds that have no cursor yet, entities in the backlog, or entities that failed and are to be tried again.
SELECT f.feed, NULL, 0::pg_catalog.float8
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND (
    f.cursor IS NULL OR f.backlog_position < f.backlog_end
    OR EXISTS (SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed AND e.retry_at <= pg_catalog.clock_timestamp())
)

-- name: dropped
-- Feeds that are planned and not stored any more: their workers find out why.
SELECT f.feed, NULL, 0::pg_catalog.float8
FROM pg_catalog.unnest({feeds}) AS f (feed)
WHERE NOT EXISTS (SELECT FROM cdc.feed_state AS s WHERE s.feed = f.feed)

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

-- name: snapshot
-- What is visible now; the same as before if no transaction has written anything since.
SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text
