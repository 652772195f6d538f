-- name: snapshot
-- The cursor to be. It is exact only while this transaction has no xid of its own: with one, its own entries
-- would count as seen.
SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_current_xact_id_if_assigned() IS NULL

-- name: snapshot_and_incarnation
-- The same with what tells one incarnation from another: between two passes there may be a promotion, or a session with
-- another server.
SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_current_xact_id_if_assigned() IS NULL,
       ({system}), ({timeline}),
       (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())

-- name: lock
-- Who holds this row writes the feed: that is the whole leader election. Raises 40001 when another
-- transaction changed the row after our snapshot. A cursor rests while nothing comes, for a minute at most;
-- that of a stopped feed moves at once when a pass works again, and takes the reason away (with entities in the
-- backlog the reason may be one of those: then a chunk that works takes it away).
SELECT f.definition, f.cursor::text, f.fingerprint, f.incarnation, f.revision, f.backlog_position, f.backlog_end,
       f.synced_at, f.cursor_at < pg_catalog.now() - interval '1 minute' OR f.stopped_reason IS NOT NULL AND f.backlog_position >= f.backlog_end,
       EXISTS (SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed),
       EXISTS (SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed AND e.retry_at <= pg_catalog.clock_timestamp()),
       pg_catalog.to_regclass(pg_catalog.format('cdc.%%I', 'feed_' || f.feed))::pg_catalog.oid::pg_catalog.text,
       COALESCE(f.counted_revision = f.revision, false)
FROM cdc.feed_state AS f
WHERE f.feed = %(feed)s
FOR UPDATE SKIP LOCKED

-- name: exists
-- Whether a feed is installed.
SELECT EXISTS (SELECT FROM cdc.feed_state WHERE feed = %(feed)s)

-- name: advance
-- Ends a pass. Always an UPDATE, never the lock alone: see feed_state in the migration.
UPDATE cdc.feed_state
SET cursor = %(cursor)s::pg_snapshot, cursor_at = pg_catalog.now(), generation = generation + 1,
    revision = GREATEST(revision, %(revision)s::int8), backlog_end = GREATEST(backlog_end, %(backlog_end)s::int8),
    last_pass = COALESCE(%(last_pass)s::jsonb, last_pass),
    last_pass_at = CASE WHEN %(last_pass)s::jsonb IS NULL THEN last_pass_at ELSE pg_catalog.now() END,
    passed_by = %(process)s,
    documents = CASE WHEN %(anew)s THEN 0 ELSE documents END + %(documents)s::int8,
    tombstones = CASE WHEN %(anew)s THEN 0 ELSE tombstones END + %(tombstones)s::int8,
    counted_revision = CASE WHEN %(anew)s OR counted_revision = revision THEN GREATEST(revision, %(revision)s::int8) END,
    stopped_reason = CASE WHEN backlog_position < backlog_end THEN stopped_reason END,
    stopped_at = CASE WHEN backlog_position < backlog_end THEN stopped_at END
WHERE feed = %(feed)s
RETURNING generation

-- name: drained
-- Ends a chunk of the backlog.
UPDATE cdc.feed_state
SET generation = generation + 1, revision = GREATEST(revision, %(revision)s::int8),
    backlog_position = %(position)s::int8, stopped_reason = NULL, stopped_at = NULL,
    last_pass = COALESCE(%(last_pass)s::jsonb, last_pass),
    last_pass_at = CASE WHEN %(last_pass)s::jsonb IS NULL THEN last_pass_at ELSE pg_catalog.now() END,
    passed_by = %(process)s,
    documents = CASE WHEN %(anew)s THEN 0 ELSE documents END + %(documents)s::int8,
    tombstones = CASE WHEN %(anew)s THEN 0 ELSE tombstones END + %(tombstones)s::int8,
    counted_revision = CASE WHEN %(anew)s OR counted_revision = revision THEN GREATEST(revision, %(revision)s::int8) END,
    synced_at = CASE WHEN %(position)s::int8 >= backlog_end THEN COALESCE(synced_at, pg_catalog.now()) ELSE synced_at END
WHERE feed = %(feed)s
RETURNING generation

-- name: begin
-- Takes a feed's first cursor, or a new one after only a resync can make it right.
UPDATE cdc.feed_state
SET cursor = %(cursor)s::pg_snapshot, cursor_at = pg_catalog.now(), generation = generation + 1,
    fingerprint = %(fingerprint)s, fingerprint_parts = %(parts)s::jsonb,
    incarnation = %(incarnation)s, revision = GREATEST(revision, %(revision)s::int8),
    counted_revision = CASE WHEN counted_revision = revision THEN GREATEST(revision, %(revision)s::int8) END,
    backlog_end = GREATEST(backlog_end, %(backlog_end)s::int8),
    stopped_reason = NULL, stopped_at = NULL
WHERE feed = %(feed)s

-- name: fingerprint_parts
-- What the fingerprint was made of when the feed got its cursor.
SELECT f.fingerprint_parts FROM cdc.feed_state AS f WHERE f.feed = %(feed)s

-- name: queue
-- A resync was added to the backlog.
UPDATE cdc.feed_state
SET generation = generation + 1, backlog_end = GREATEST(backlog_end, %(backlog_end)s::int8)
WHERE feed = %(feed)s

-- name: lose_cursor
-- Only a resync can make the feed right: the next pass takes a new first cursor.
UPDATE cdc.feed_state SET cursor = NULL, generation = generation + 1 WHERE feed = %(feed)s

-- name: stop
-- Says why a feed stands still, and in how many seconds it is tried again (NULL: not by this process); its cursor stays
-- where it is.
UPDATE cdc.feed_state
SET stopped_reason = %(reason)s,
    stopped_at = CASE WHEN stopped_reason IS NULL THEN pg_catalog.now() ELSE stopped_at END,
    retry_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s::pg_catalog.float8)
WHERE feed = %(feed)s

-- name: uncaptured
-- Says which table of a feed can't be captured yet, and since when; NULL: all of them are.
UPDATE cdc.feed_state
SET uncaptured = %(reason)s::text,
    uncaptured_since = CASE WHEN %(reason)s::text IS NOT NULL THEN COALESCE(uncaptured_since, pg_catalog.now()) END
WHERE feed = %(feed)s AND uncaptured IS DISTINCT FROM %(reason)s::text

-- name: add_resync
-- Records a resync, with the positions in the backlog that belong to it.
INSERT INTO cdc.resync (feed, reason, force, entities, first_position, last_position)
VALUES (%(feed)s, %(reason)s, %(force)s, %(entities)s, %(first)s, %(last)s)
RETURNING id

-- name: finish_resyncs
-- Marks the requests whose entities have all been recomputed.
UPDATE cdc.resync AS r SET finished_at = pg_catalog.clock_timestamp()
FROM cdc.feed_state AS f
WHERE r.feed = %(feed)s AND r.finished_at IS NULL AND f.feed = r.feed AND r.last_position <= f.backlog_position
RETURNING r.id, r.entities, r.reason,
          EXTRACT(epoch FROM pg_catalog.clock_timestamp() - r.requested_at)::pg_catalog.float8

-- name: unfinished_resyncs
-- How far the unfinished resyncs of a feed are: id, entities, reason, entities done, seconds since the request.
SELECT r.id, r.entities, r.reason, LEAST(GREATEST(f.backlog_position - r.first_position + 1, 0), r.entities),
       EXTRACT(epoch FROM pg_catalog.clock_timestamp() - r.requested_at)::pg_catalog.float8
FROM cdc.resync AS r JOIN cdc.feed_state AS f USING (feed)
WHERE r.feed = %(feed)s AND r.finished_at IS NULL
ORDER BY r.id

-- name: resync_progress
-- Whether a resync is finished, how many of its entities are done, and why its feed stopped.
SELECT r.finished_at IS NOT NULL, GREATEST(f.backlog_position - r.first_position + 1, 0), f.stopped_reason
FROM cdc.resync AS r JOIN cdc.feed_state AS f USING (feed)
WHERE r.id = %(id)s

-- name: wanted
-- Registers a feed, or its changed definition: then only a resync can make it right. So it does where the feed
-- needs columns or rows that may not have been captured for it: a table that was filtered and is not any more, or
-- by a condition that was not among those it was filtered by.
-- (Where the feed is new, its last revision is the one that its numbers begin after.)
INSERT INTO cdc.feed_state (feed, definition, sources, columns, filters, foreign_code, revision, counted_revision)
SELECT {feed}, {definition}, {sources}, {columns}, {filters}, {foreign_code}, r.last_value, r.last_value FROM cdc.{revision} AS r
ON CONFLICT (feed) DO UPDATE
SET definition = EXCLUDED.definition, sources = EXCLUDED.sources, columns = EXCLUDED.columns,
    filters = EXCLUDED.filters, foreign_code = EXCLUDED.foreign_code,
    cursor = CASE WHEN feed_state.definition = EXCLUDED.definition AND feed_state.sources <@ EXCLUDED.sources
                   AND feed_state.sources @> EXCLUDED.sources AND feed_state.columns @> EXCLUDED.columns
                   AND NOT EXISTS (SELECT FROM pg_catalog.jsonb_each(feed_state.filters) AS f (source, conditions)
                                   WHERE (f.conditions @> (EXCLUDED.filters -> f.source)) IS NOT TRUE)
             THEN feed_state.cursor END

-- name: owners
-- The configuration that each feed belongs to; before migration 10 there was one.
SELECT f.feed, COALESCE(pg_catalog.to_jsonb(f.*) ->> 'daemon', 'cdc-daemon'), f.sources FROM cdc.feed_state AS f

-- name: own
-- Records which configuration a feed belongs to.
UPDATE cdc.feed_state SET daemon = {daemon} WHERE feed = {feed}

-- name: forget
-- Forgets a dropped feed's state.
DELETE FROM cdc.feed_state WHERE feed = {feed}

-- name: forget_sinks_of
-- Forgets the deliveries of a dropped feed.
DELETE FROM cdc.sink_state WHERE feed = {feed}

-- name: forget_former_sinks_of
-- Forgets the sinks that a dropped feed once had.
DELETE FROM cdc.former_sink WHERE feed = {feed}

-- name: forget_obsolete_keys_of
-- Forgets what sinks hold of a dropped feed under earlier keys.
DELETE FROM cdc.obsolete_key WHERE feed = {feed}

-- name: forget_failures_of
-- Forgets the failed items of a dropped feed.
DELETE FROM cdc.failed_item WHERE feed = {feed}

-- name: forget_delivered_of
-- Forgets what sinks have of a dropped feed.
DELETE FROM cdc.delivered_document WHERE feed = {feed}

-- name: installed
-- One before migration 3 has no filters, one before migration 5 knows nothing of foreign code.
SELECT f.feed, f.definition, f.sources, f.columns, COALESCE(pg_catalog.to_jsonb(f.*) -> 'filters', '{{}}'),
       COALESCE(pg_catalog.to_jsonb(f.*) -> 'foreign_code', '{{}}')
FROM cdc.feed_state AS f ORDER BY f.feed

-- name: layouts
-- The comment on each stored feed's table, which ends with the digest of the table's layout, whether it has a
-- column for `_refresh_at`, and its key columns in the order of the key.
SELECT c.relname, pg_catalog.obj_description(c.oid, 'pg_class'),
       EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = c.oid AND a.attname = 'refresh_at' AND NOT a.attisdropped),
       ARRAY(SELECT a.attname::pg_catalog.text
             FROM pg_catalog.pg_index AS i
             CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (number, place)
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
             WHERE i.indrelid = c.oid AND i.indisprimary
             ORDER BY k.place)
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'cdc'::pg_catalog.regnamespace AND c.relkind = 'r' AND c.relname LIKE 'feed\_%'

-- name: is_drained
-- Nothing is left in the backlog or is to be tried again, and nobody is at work on the feed just now.
SELECT f.cursor IS NOT NULL AND f.backlog_position >= f.backlog_end AND NOT EXISTS (
    SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed AND e.retry_at <= pg_catalog.clock_timestamp()
)
FROM cdc.feed_state AS f WHERE f.feed = %(feed)s FOR UPDATE SKIP LOCKED

-- name: has_cursor
-- Whether a feed has begun.
SELECT f.cursor IS NOT NULL FROM cdc.feed_state AS f WHERE f.feed = %(feed)s
