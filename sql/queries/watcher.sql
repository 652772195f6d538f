-- name: unread
-- Feeds that have entries of one changelog to read; read-only, takes no lock and no xid.
SELECT 'feed', f.feed
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND f.cursor IS NOT NULL AND EXISTS (
    SELECT FROM cdc.{changelog} AS e
    WHERE e.xid >= pg_catalog.pg_snapshot_xmax(f.cursor)
       OR e.xid = ANY (ARRAY(SELECT pg_catalog.pg_snapshot_xip(f.cursor)))
)

-- name: waiting
-- Feeds that have no cursor yet, or entities in the slow lane.
SELECT 'feed', f.feed
FROM cdc.feed_state AS f
WHERE f.feed = ANY ({feeds}) AND (f.cursor IS NULL OR f.pending_position < f.pending_end)

-- name: behind
-- Sinks that lack revisions of a feed.
SELECT 'sink', s.sink
FROM cdc.sink_state AS s JOIN cdc.feed_state AS f ON f.feed = s.feed
WHERE s.sink = ANY ({sinks}) AND (s.revision < f.revision OR s.scan_until IS NOT NULL)
