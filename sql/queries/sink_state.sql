-- name: register
-- A sink that is new to a feed scans what is stored first, then follows the log from there.
INSERT INTO cdc.sink_state (sink, feed, scan_until)
SELECT %(sink)s, f.feed, NULLIF(f.revision, 0) FROM cdc.feed_state AS f WHERE f.feed = %(feed)s
ON CONFLICT (sink, feed) DO NOTHING

-- name: lease
-- Takes or keeps the right to deliver this feed to this sink; nobody else sends until it runs out.
UPDATE cdc.sink_state
SET leased_by = %(owner)s, leased_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE sink = %(sink)s AND feed = %(feed)s
  AND (leased_by IS NULL OR leased_by = %(owner)s OR leased_by = %(dead)s
       OR leased_until < pg_catalog.clock_timestamp())
RETURNING revision, caught_up, scan_key, scan_until

-- name: look
-- Whether a sink lacks something of a feed; read-only.
SELECT s.revision < f.revision OR s.scan_until IS NOT NULL
FROM cdc.sink_state AS s JOIN cdc.feed_state AS f ON f.feed = s.feed
WHERE s.sink = %(sink)s AND s.feed = %(feed)s

-- name: leased_by
SELECT s.leased_by FROM cdc.sink_state AS s WHERE s.sink = %(sink)s AND s.feed = %(feed)s

-- name: release
-- Lets go at the end, so that another daemon may go on at once.
UPDATE cdc.sink_state SET leased_by = NULL, leased_until = NULL WHERE sink = %(sink)s AND leased_by = %(owner)s

-- name: advance
-- Compare and set: the cursor moves only for who still holds the lease and only from where it was read. That
-- includes the mode: a sink that gave up its claim on the log while it was sending must scan, for the log's
-- next revisions may be gone already.
UPDATE cdc.sink_state
SET revision = %(revision)s::int8, caught_up = %(caught_up)s::int8, scan_key = %(scan_key)s::jsonb,
    scan_until = %(scan_until)s::int8, attempts = 0, failure = NULL, failed_at = NULL,
    delivered = delivered + %(records)s, delivered_at = pg_catalog.clock_timestamp(),
    leased_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE sink = %(sink)s AND feed = %(feed)s AND leased_by = %(owner)s AND revision = %(from)s::int8
  AND scan_until IS NOT DISTINCT FROM %(scanned_until)s::int8

-- name: fail
-- The sink takes nothing; the cursor stays.
UPDATE cdc.sink_state
SET attempts = attempts + 1, failure = %(failure)s, failed_at = COALESCE(failed_at, pg_catalog.clock_timestamp())
WHERE sink = %(sink)s AND feed = %(feed)s

-- name: refuse
-- A document that the sink refused alone. A later attempt comes after a growing pause, or with a new revision.
INSERT INTO cdc.failed_item (sink, feed, key, revision, reason, next_attempt_at)
VALUES (%(sink)s, %(feed)s, %(key)s::jsonb, %(revision)s, %(reason)s,
        pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(pause)s))
ON CONFLICT (sink, feed, key) DO UPDATE
SET attempts = CASE WHEN failed_item.revision = EXCLUDED.revision THEN failed_item.attempts + 1 ELSE 1 END,
    revision = EXCLUDED.revision, reason = EXCLUDED.reason,
    next_attempt_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(
        secs => LEAST(3600, %(pause)s * 2 ^ LEAST(failed_item.attempts, 12)))

-- name: accepted
-- What the sink takes now is no failed item any more.
DELETE FROM cdc.failed_item
WHERE sink = %(sink)s AND feed = %(feed)s AND key = ANY (%(keys)s::pg_catalog.text[]::jsonb[])

-- name: failed_items
SELECT pg_catalog.count(*) FROM cdc.failed_item WHERE sink = %(sink)s AND feed = %(feed)s

-- name: is_due
-- Whether a failed item's next attempt has come; read-only.
SELECT EXISTS (
    SELECT FROM cdc.failed_item
    WHERE sink = %(sink)s AND feed = %(feed)s AND next_attempt_at <= pg_catalog.clock_timestamp()
)

-- name: due_items
-- Failed items whose next attempt has come.
SELECT key::text FROM cdc.failed_item
WHERE sink = %(sink)s AND feed = %(feed)s AND next_attempt_at <= pg_catalog.clock_timestamp()
ORDER BY next_attempt_at
LIMIT %(limit)s

-- name: forget_unknown
-- Sinks that the configuration names no more.
DELETE FROM cdc.sink_state WHERE NOT (sink = ANY ({sinks}))

-- name: claim
-- The revision up to which no sink needs a feed's log. A scanning sink will follow it from scan_until on.
SELECT pg_catalog.min(COALESCE(s.scan_until, s.caught_up)) FROM cdc.sink_state AS s WHERE s.feed = %(feed)s

-- name: unclaim
-- A sink that is too far behind gives up its claim on the log: it will scan the stored feed for what it lacks.
UPDATE cdc.sink_state AS s
SET scan_key = NULL, scan_until = f.revision
FROM cdc.feed_state AS f
WHERE f.feed = s.feed AND s.feed = %(feed)s AND s.scan_until IS NULL AND f.revision - s.caught_up > %(limit)s::int8
RETURNING s.sink

-- name: is_behind
-- Whether a sink lacks a revision of any of these feeds.
SELECT EXISTS (
    SELECT FROM cdc.sink_state AS s JOIN cdc.feed_state AS f ON f.feed = s.feed
    WHERE s.sink = %(sink)s AND s.feed = ANY (%(feeds)s) AND (s.revision < f.revision OR s.scan_until IS NOT NULL)
)
