-- name: register
-- A sink that is new to a feed begins with a full snapshot and then follows the log. Its target may have documents of
-- another database or of an earlier installation. Only a sink that was registered before gets deletes.
INSERT INTO cdc.sink_state (sink, feed, snapshot_wanted, tell_deletes)
SELECT %(sink)s, f.feed, true,
       EXISTS (SELECT FROM cdc.former_sink AS o WHERE o.sink = %(sink)s AND o.feed = f.feed)
FROM cdc.feed_state AS f WHERE f.feed = %(feed)s
ON CONFLICT (sink, feed) DO NOTHING

-- name: is_registered
-- Whether a sink takes this feed already.
SELECT EXISTS (SELECT FROM cdc.sink_state WHERE sink = %(sink)s AND feed = %(feed)s)

-- name: target
-- The target to which a sink last delivered a feed. Another target has no documents yet.
SELECT s.target FROM cdc.sink_state AS s WHERE s.sink = %(sink)s AND s.feed = %(feed)s

-- name: set_target
-- Records a new target. It has none of the documents, or old ones.
UPDATE cdc.sink_state
SET target = %(target)s, snapshot_wanted = snapshot_wanted OR %(moved)s, tell_deletes = tell_deletes OR %(moved)s
WHERE sink = %(sink)s AND feed = %(feed)s

-- name: look
-- Whether a sink lacks something of a feed, and whether failed items are due; read-only. Nothing while it is paused.
SELECT d.behind, d.due FROM cdc.delivery AS d
WHERE d.sink = %(sink)s AND d.feed = %(feed)s AND NOT d.paused AND NOT d.awaited

-- name: leased_by
-- Which daemon delivers a feed to a sink.
SELECT s.leased_by FROM cdc.sink_state AS s WHERE s.sink = %(sink)s AND s.feed = %(feed)s

-- name: lease
-- Takes the right to deliver this feed to this sink, under a new number. No other daemon sends until the lease runs
-- out.
UPDATE cdc.sink_state
SET leased_by = %(owner)s, lease = lease + 1,
    leased_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE sink = %(sink)s AND feed = %(feed)s
  AND (leased_by IS NULL OR leased_by = %(owner)s OR leased_by = %(dead)s
       OR leased_until < pg_catalog.clock_timestamp())
RETURNING revision, caught_up, scan_key, scan_until, snapshot, snapshot_wanted, snapshot_number, tell_deletes,
          (SELECT f.revision FROM cdc.feed_state AS f WHERE f.feed = %(feed)s), mark, lease,
          {payloads}

-- name: prolong
-- Prolongs the lease; no row if another delivery has taken it.
UPDATE cdc.sink_state
SET leased_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE sink = %(sink)s AND feed = %(feed)s AND lease = %(lease)s
RETURNING true

-- name: is_held
-- Whether no other delivery has taken the lease.
SELECT EXISTS (SELECT FROM cdc.sink_state WHERE sink = %(sink)s AND feed = %(feed)s AND lease = %(lease)s)

-- name: hold
-- Keeps other deliveries from taking the lease until the end of this transaction; no row if one has taken it already.
SELECT true FROM cdc.sink_state
WHERE sink = %(sink)s AND feed = %(feed)s AND lease = %(lease)s
FOR NO KEY UPDATE

-- name: release
-- Releases the lease at the end, so that another daemon can continue at once.
UPDATE cdc.sink_state SET leased_by = NULL, leased_until = NULL
WHERE sink = %(sink)s AND feed = %(feed)s AND leased_by = %(owner)s

-- name: advance
-- Compare and set: the cursor moves only for the lease under which the page was sent, and only from the position of
-- the page. The name of the holder is not enough: a server's clock that jumps forward ends leases during a send. The
-- position includes the mode. A sink that gave up its claim on the log during the send must scan, because the log may
-- no longer have the next revisions. A sink that was reset must not continue the old scan. No send is under way now,
-- so the lease need not last longer than until the next page. A page without a send (all records superseded, or
-- refused before) says nothing about the sink: it is neither a delivery nor the end of a failure.
UPDATE cdc.sink_state
SET revision = %(revision)s::int8, caught_up = %(caught_up)s::int8, scan_key = %(scan_key)s::jsonb,
    scan_until = %(scan_until)s::int8, snapshot = snapshot AND %(scan_until)s::int8 IS NOT NULL,
    attempts = CASE WHEN %(answered)s THEN 0 ELSE attempts END,
    failure = CASE WHEN %(answered)s THEN NULL ELSE failure END,
    failed_at = CASE WHEN %(answered)s THEN NULL ELSE failed_at END,
    delivered = delivered + %(records)s::int8, ignored = ignored + %(ignored)s::int8,
    delivered_at = CASE WHEN %(records)s::int8 > 0 THEN pg_catalog.clock_timestamp() ELSE delivered_at END,
    leased_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE sink = %(sink)s AND feed = %(feed)s AND lease = %(lease)s AND revision = %(from)s::int8
  AND scan_until IS NOT DISTINCT FROM %(scanned_until)s::int8
  AND scan_key IS NOT DISTINCT FROM %(scanned_key)s::jsonb
  AND snapshot = %(snapshot)s AND NOT snapshot_wanted
RETURNING true

-- name: count
-- Counts failed items that the sink took, which the cursor had passed before.
UPDATE cdc.sink_state
SET attempts = 0, failure = NULL, failed_at = NULL,
    delivered = delivered + %(records)s, delivered_at = pg_catalog.clock_timestamp()
WHERE sink = %(sink)s AND feed = %(feed)s AND lease = %(lease)s

-- name: begin_snapshot
-- Begins the requested full snapshot: every stored document and every delete, up to its own number. The number is
-- drawn under the lock of the feed's state row, as every revision is. So it separates earlier commits from later
-- ones. The largest revision would not do: two snapshots of an idle feed would have one number, and a target that
-- drops repetitions would drop the second.
WITH locked AS MATERIALIZED (
    SELECT f.feed FROM cdc.feed_state AS f WHERE f.feed = %(feed)s FOR UPDATE
), drawn AS MATERIALIZED (
    SELECT l.feed, pg_catalog.nextval({revision}::pg_catalog.regclass) AS revision FROM locked AS l
), numbered AS (
    UPDATE cdc.feed_state AS f
    SET revision = d.revision, generation = f.generation + 1,
        counted_revision = CASE WHEN f.counted_revision = f.revision THEN d.revision END
    FROM drawn AS d WHERE f.feed = d.feed
    RETURNING f.feed, f.revision
)
UPDATE cdc.sink_state AS s
SET revision = 0, caught_up = 0, scan_key = NULL, scan_until = n.revision, snapshot = true,
    snapshot_number = n.revision, snapshot_wanted = false, mark = NULL
FROM numbered AS n
WHERE s.sink = %(sink)s AND s.feed = n.feed AND s.lease = %(lease)s
RETURNING s.revision, s.caught_up, s.scan_key, s.scan_until, s.snapshot, s.snapshot_wanted, s.snapshot_number,
          s.tell_deletes, n.revision

-- name: fail
-- Records that the sink takes nothing. The cursor stays. The lease lasts over the pause, because two daemons would
-- try twice as often.
UPDATE cdc.sink_state
SET attempts = attempts + 1, failure = %(failure)s, failed_at = COALESCE(failed_at, pg_catalog.clock_timestamp()),
    retry_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(pause)s),
    leased_until = GREATEST(leased_until,
                            pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s))
WHERE sink = %(sink)s AND feed = %(feed)s AND lease = %(lease)s
RETURNING true

-- name: mark
-- The mark of the sink's target; NULL while the sink is paused, or gets everything anyway.
SELECT s.mark
FROM cdc.sink_state AS s JOIN cdc.delivery AS d ON d.sink = s.sink AND d.feed = s.feed
WHERE s.sink = %(sink)s AND s.feed = %(feed)s AND NOT d.paused AND NOT s.snapshot_wanted

-- name: note_mark
-- Compare and set: a full snapshot that has begun meanwhile may be for another target.
UPDATE cdc.sink_state SET mark = %(mark)s
WHERE sink = %(sink)s AND feed = %(feed)s AND mark IS NOT DISTINCT FROM %(before)s::text
RETURNING true

-- name: lose_target
-- Records that the target is lost. With `refill` it gets a full snapshot. No row if this was recorded already.
UPDATE cdc.sink_state
SET mark = NULL, snapshot_wanted = snapshot_wanted OR %(refill)s, tell_deletes = tell_deletes OR %(refill)s
WHERE sink = %(sink)s AND feed = %(feed)s AND mark = %(mark)s
RETURNING true

-- name: claim
-- The revision up to which no sink needs a feed's log. A scanning sink will follow the log from scan_until on. A sink
-- whose full snapshot has not begun will follow it from a future revision.
SELECT pg_catalog.min(COALESCE(s.scan_until, s.caught_up)) FROM cdc.sink_state AS s
WHERE s.feed = %(feed)s AND NOT s.snapshot_wanted

-- name: unclaim
-- Gives up the claim on the log for a sink that is too far behind: the sink will scan the stored feed. The statement
-- counts rows of the log, because revisions have gaps, for example between two installations of a feed.
UPDATE cdc.sink_state AS s
SET scan_key = NULL, scan_until = f.revision
FROM cdc.feed_state AS f
WHERE f.feed = s.feed AND s.feed = %(feed)s AND s.scan_until IS NULL AND NOT s.snapshot_wanted
  AND f.revision - s.caught_up > %(limit)s::int8
  AND EXISTS (SELECT FROM cdc.{log} AS l WHERE l.revision > s.caught_up OFFSET %(limit)s::int8)
RETURNING s.sink

-- name: is_behind
-- Whether a sink lacks a revision of a feed that it may have now.
SELECT d.behind FROM cdc.delivery AS d
WHERE d.sink = %(sink)s AND d.feed = %(feed)s AND NOT d.paused AND NOT d.awaited

-- name: want_snapshots
-- Requests a full snapshot for every sink of the feed, after a restore.
UPDATE cdc.sink_state SET snapshot_wanted = true, tell_deletes = true WHERE feed = %(feed)s

-- name: want_snapshot
-- Requests a full snapshot, with deletes, as the next delivery.
UPDATE cdc.sink_state SET snapshot_wanted = true, tell_deletes = true WHERE sink = %(sink)s AND feed = %(feed)s

-- name: go_back
-- Delivers documents with later revisions than this once more, by a scan, because the log may not reach back so far.
-- A full snapshot that is under way or requested includes them.
UPDATE cdc.sink_state AS s
SET revision = LEAST(s.revision, %(revision)s::int8), caught_up = LEAST(s.caught_up, %(revision)s::int8),
    scan_key = NULL, scan_until = NULLIF(f.revision, 0)
FROM cdc.feed_state AS f
WHERE s.sink = %(sink)s AND s.feed = %(feed)s AND f.feed = s.feed AND NOT s.snapshot AND NOT s.snapshot_wanted

-- name: leases
-- Which process may deliver each feed to a sink now, and until when; and whether failed items are due, which it sends
-- again. A daemon describes itself in cdc.daemon.
SELECT s.feed, s.leased_until, d.name, d.host, d.pid,
    EXISTS (SELECT FROM cdc.failed_item AS i
        WHERE i.sink = s.sink AND i.feed = s.feed AND i.next_attempt_at <= pg_catalog.clock_timestamp())
FROM cdc.sink_state AS s
LEFT JOIN cdc.daemon AS d ON d.process = s.leased_by
WHERE s.sink = %(sink)s AND s.leased_by IS NOT NULL AND s.leased_until > pg_catalog.clock_timestamp()

-- name: deliveries
-- The sinks and feeds for which the database has state.
SELECT sink, feed FROM cdc.sink_state
UNION SELECT sink, feed FROM cdc.failed_item
UNION SELECT sink, feed FROM cdc.delivered_document
ORDER BY 1, 2

-- name: forget
-- Forgets a delivery whose sink was removed.
DELETE FROM cdc.sink_state WHERE sink = {sink} AND feed = {feed}

-- name: remember_former
-- The target keeps its documents. If the sink comes back, it has to get the deletes of the time between.
INSERT INTO cdc.former_sink (sink, feed)
SELECT s.sink, s.feed FROM cdc.sink_state AS s WHERE s.sink = {sink} AND s.feed = {feed}
ON CONFLICT DO NOTHING
