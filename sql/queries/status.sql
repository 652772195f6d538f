-- name: feed
-- A feed's state row, with the changelogs that it reads, whether its documents may have times of their own, and how
-- many entities are set aside (no more than `most` are counted), the fingerprint that belongs to the cursor, for how
-- many seconds the cursor has rested, since when the feed has stopped and when it is tried again, and which table can't
-- be captured yet. The counts of documents are NULL while they don't hold. At the end: how many entities paused resyncs
-- leave out.
SELECT f.cursor::pg_catalog.text AS cursor, GREATEST(f.backlog_end - f.backlog_position, 0) AS backlog, f.synced_at,
       f.stopped_reason, f.last_pass, f.last_pass_at,
       ARRAY(SELECT s.changelog FROM cdc.source AS s
             WHERE s.schema_name || '.' || s.table_name = ANY (f.sources) ORDER BY 1) AS changelogs,
       EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = pg_catalog.to_regclass('cdc.feed_' || f.feed) AND a.attname = 'refresh_at') AS refreshes,
       (SELECT pg_catalog.count(*)
        FROM (SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed LIMIT %(most)s::pg_catalog.int8 + 1) AS e) AS failed,
       f.fingerprint, COALESCE(EXTRACT(epoch FROM pg_catalog.now() - f.cursor_at), 0)::pg_catalog.float8 AS rested,
       f.stopped_at, f.retry_at, f.uncaptured, f.uncaptured_since,
       CASE WHEN f.counted_revision = f.revision THEN f.documents END AS documents,
       CASE WHEN f.counted_revision = f.revision THEN f.tombstones END AS tombstones,
       (SELECT COALESCE(pg_catalog.sum(r.entities - r.done), 0)::pg_catalog.int8 FROM cdc.resync AS r
        WHERE r.feed = f.feed AND r.finished_at IS NULL AND r.paused_at IS NOT NULL) AS left_out
FROM cdc.feed_state AS f
WHERE f.feed = %(feed)s

-- name: unread
-- How many entries of one changelog a feed has not read, up to `most` and one, and the age in seconds of the oldest of
-- them. `SELECT count(*)` of a backlog of a million entries took half a second. The first ones by xid hold the oldest,
-- unless a transaction began long before it first wrote. (`unread` in changelog.sql says why the arms are two.)
SELECT pg_catalog.count(*),
       COALESCE(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.min(e.changed_at)), 0)::pg_catalog.float8
FROM (
    (SELECT e.changed_at FROM cdc.{changelog} AS e
     WHERE e.xid >= pg_catalog.pg_snapshot_xmax(%(since)s::pg_catalog.pg_snapshot)
       AND e.xid < pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
     ORDER BY e.xid
     LIMIT %(most)s::pg_catalog.int8 + 1)
    UNION ALL
    (SELECT e.changed_at FROM pg_catalog.pg_snapshot_xip(%(since)s::pg_catalog.pg_snapshot) AS open (xid)
     CROSS JOIN LATERAL (
         SELECT e.changed_at FROM cdc.{changelog} AS e WHERE e.xid >= open.xid AND e.xid <= open.xid
         LIMIT %(most)s::pg_catalog.int8 + 1
     ) AS e)
) AS e

-- name: due
-- How many documents want to be recomputed by now, up to `most` and one, and for how many seconds the first has.
SELECT pg_catalog.count(*),
       COALESCE(EXTRACT(epoch FROM pg_catalog.now() - pg_catalog.min(s.refresh_at)), 0)::pg_catalog.float8
FROM (
    SELECT s.refresh_at FROM cdc.{feed} AS s WHERE s.refresh_at <= pg_catalog.now()
    ORDER BY s.refresh_at
    LIMIT %(most)s::pg_catalog.int8 + 1
) AS s

-- name: sinks
-- How far each sink has a feed, and where it reads on. Of failed items no more than `most` are counted.
SELECT s.sink, s.revision < f.revision AND NOT s.snapshot_wanted AS lacks, s.revision, s.scan_key, s.scan_until,
       s.snapshot AND s.tell_deletes AS deletes,
       s.delivered, s.delivered_at, s.ignored, i.items, i.parked,
       s.failure, s.attempts, s.failed_at, s.retry_at, d.paused, s.snapshot OR s.snapshot_wanted AS snapshot
FROM cdc.sink_state AS s
JOIN cdc.feed_state AS f ON f.feed = s.feed
JOIN cdc.delivery AS d ON d.sink = s.sink AND d.feed = s.feed
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS items, pg_catalog.count(*) FILTER (WHERE n.next_attempt_at IS NULL) AS parked
    FROM (
        SELECT i.next_attempt_at FROM cdc.failed_item AS i WHERE i.sink = s.sink AND i.feed = s.feed
        LIMIT %(most)s::pg_catalog.int8 + 1
    ) AS n
) AS i
WHERE s.feed = %(feed)s

-- name: undelivered_log
-- How many documents and deletes the log has after a revision, and how many of its lines were read: no more than `most`
-- and one. Revisions have gaps, and a document may have many lines. Its first one is the line whose previous revision
-- is not after the sink's.
SELECT pg_catalog.count(*) FILTER (WHERE (l.previous > %(revision)s::pg_catalog.int8) IS NOT TRUE), pg_catalog.count(*)
FROM (
    SELECT l.previous FROM cdc.{log} AS l WHERE l.revision > %(revision)s::pg_catalog.int8
    ORDER BY l.revision
    LIMIT %(most)s::pg_catalog.int8 + 1
) AS l

-- name: undelivered_scan
-- How many documents and deletes a scan of the stored feed has still to deliver among the next rows, and how many rows
-- were read.
SELECT pg_catalog.count(*) FILTER (
           WHERE s.revision > %(revision)s::pg_catalog.int8 AND s.revision <= %(until)s::pg_catalog.int8
             AND (%(deletes)s OR NOT (s.deleted AND %(revision)s::pg_catalog.int8 = 0))
       ), pg_catalog.count(*)
FROM (
    SELECT s.revision, s.deleted FROM cdc.{feed} AS s
    WHERE true {after}
    ORDER BY {stored_keys}
    LIMIT %(most)s::pg_catalog.int8 + 1
) AS s
