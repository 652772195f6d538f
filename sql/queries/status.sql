-- name: feed
-- A feed's state row, with the changelogs that it reads, whether its documents may have times of their own, and how
-- many entities are set aside, the fingerprint that belongs to the cursor, for how many seconds the cursor has
-- rested, since when the feed has stopped, and which table can't be captured yet.
SELECT f.cursor::pg_catalog.text, GREATEST(f.backlog_end - f.backlog_position, 0), f.synced_at, f.stopped_reason,
       f.last_pass, f.last_pass_at,
       ARRAY(SELECT s.changelog FROM cdc.source AS s
             WHERE s.schema_name || '.' || s.table_name = ANY (f.sources) ORDER BY 1),
       EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = pg_catalog.to_regclass('cdc.feed_' || f.feed) AND a.attname = 'refresh_at'),
       (SELECT pg_catalog.count(*) FROM cdc.failed_entity AS e WHERE e.feed = f.feed),
       f.fingerprint, COALESCE(EXTRACT(epoch FROM pg_catalog.now() - f.cursor_at), 0)::pg_catalog.float8,
       f.stopped_at, f.uncaptured, f.uncaptured_since
FROM cdc.feed_state AS f
WHERE f.feed = %(feed)s

-- name: due
-- How many documents want to be recomputed by now, and for how many seconds the first has.
SELECT pg_catalog.count(*),
       COALESCE(EXTRACT(epoch FROM pg_catalog.now() - pg_catalog.min(s.refresh_at)), 0)::pg_catalog.float8
FROM cdc.{feed} AS s
WHERE s.refresh_at <= pg_catalog.now()

-- name: sink
-- How far a sink has a feed.
SELECT s.revision < f.revision AND NOT s.snapshot_wanted, s.delivered, s.delivered_at,
       (SELECT pg_catalog.count(*) FROM cdc.failed_item AS i WHERE i.sink = s.sink AND i.feed = s.feed),
       s.failure, s.attempts,
       (SELECT pg_catalog.count(*) FROM cdc.failed_item AS i
        WHERE i.sink = s.sink AND i.feed = s.feed AND i.next_attempt_at IS NULL),
       d.paused, s.snapshot OR s.snapshot_wanted, s.ignored
FROM cdc.sink_state AS s
JOIN cdc.feed_state AS f ON f.feed = s.feed
JOIN cdc.delivery AS d ON d.sink = s.sink AND d.feed = s.feed
WHERE s.sink = %(sink)s AND s.feed = %(feed)s
