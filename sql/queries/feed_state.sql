-- name: snapshot
-- The next cursor. It is exact only while this transaction has no xid of its own. With one, the transaction's own
-- entries would count as seen.
SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_current_xact_id_if_assigned() IS NULL

-- name: snapshot_and_incarnation
-- The same with the parts of the incarnation, because between two passes the server may have been promoted or the
-- session may have reached another server.
SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_current_xact_id_if_assigned() IS NULL,
       ({system}), ({timeline}),
       (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())

-- name: lock
-- The session that holds this row writes the feed: this is the whole leader election. Raises 40001 if another
-- transaction changed the row after our snapshot. The cursor of an idle feed moves once a minute. The cursor of a
-- stopped feed moves as soon as a pass works again, which removes the reason. (If the backlog has entities, one of
-- them may be the reason; then a chunk that works removes it.)
SELECT f.definition, f.cursor::text, f.fingerprint, f.incarnation, f.revision, f.backlog_position, f.backlog_end,
       f.synced_at, f.cursor_at < pg_catalog.now() - interval '1 minute' OR f.stopped_reason IS NOT NULL AND f.backlog_position >= f.backlog_end,
       EXISTS (SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed),
       EXISTS (SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed AND e.retry_at <= pg_catalog.clock_timestamp()),
       pg_catalog.to_regclass(pg_catalog.format('cdc.%%I', 'feed_' || f.feed))::pg_catalog.oid::pg_catalog.text,
       COALESCE(f.counted_revision = f.revision, false), f.generation
FROM cdc.feed_state AS f
WHERE f.feed = %(feed)s
FOR UPDATE SKIP LOCKED

-- name: exists
-- Whether a feed is installed.
SELECT EXISTS (SELECT FROM cdc.feed_state WHERE feed = %(feed)s)

-- name: is_followed
-- Whether another process has passed the feed by the installed definition in the last minutes: a changed definition takes
-- the cursor away, and the cursor of an idle feed moves every minute.
SELECT f.cursor IS NOT NULL AND f.passed_by <> %(process)s AND f.cursor_at > pg_catalog.now() - interval '3 minutes'
FROM cdc.feed_state AS f
WHERE f.feed = %(feed)s

-- name: advance
-- Ends a pass. Always an UPDATE, never the lock alone (see feed_state in the migration).
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
-- Takes a feed's first cursor, or a new one when only a resync can make the feed right.
UPDATE cdc.feed_state
SET cursor = %(cursor)s::pg_snapshot, cursor_at = pg_catalog.now(), generation = generation + 1,
    fingerprint = %(fingerprint)s, fingerprint_parts = %(parts)s::jsonb,
    incarnation = %(incarnation)s, revision = GREATEST(revision, %(revision)s::int8),
    counted_revision = CASE WHEN counted_revision = revision THEN GREATEST(revision, %(revision)s::int8) END,
    backlog_end = GREATEST(backlog_end, %(backlog_end)s::int8), passed_by = %(process)s,
    stopped_reason = NULL, stopped_at = NULL
WHERE feed = %(feed)s

-- name: fingerprint_parts
-- The parts of the fingerprint that the feed had when it got its cursor.
SELECT f.fingerprint_parts FROM cdc.feed_state AS f WHERE f.feed = %(feed)s

-- name: queue
-- Records that a resync was added to the backlog.
UPDATE cdc.feed_state
SET generation = generation + 1, backlog_end = GREATEST(backlog_end, %(backlog_end)s::int8)
WHERE feed = %(feed)s

-- name: lose_cursor
-- Removes the cursor, because only a resync can make the feed right: the next pass takes a new first cursor.
UPDATE cdc.feed_state SET cursor = NULL, generation = generation + 1 WHERE feed = %(feed)s

-- name: stop
-- Records why a feed has stopped, and in how many seconds the daemon tries again (NULL: not by this process). The
-- cursor stays.
UPDATE cdc.feed_state
SET stopped_reason = %(reason)s,
    stopped_at = CASE WHEN stopped_reason IS NULL THEN pg_catalog.now() ELSE stopped_at END,
    retry_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s::pg_catalog.float8)
WHERE feed = %(feed)s

-- name: uncaptured
-- Records which table of a feed can't be captured yet, and since when; NULL if all are captured.
UPDATE cdc.feed_state
SET uncaptured = %(reason)s::text,
    uncaptured_since = CASE WHEN %(reason)s::text IS NOT NULL THEN COALESCE(uncaptured_since, pg_catalog.now()) END
WHERE feed = %(feed)s AND uncaptured IS DISTINCT FROM %(reason)s::text

-- name: add_resync
-- Records a resync with its positions in the backlog.
INSERT INTO cdc.resync (feed, reason, force, entities, first_position, last_position)
VALUES (%(feed)s, %(reason)s, %(force)s, %(entities)s, %(first)s, %(last)s)
RETURNING id

-- name: finish_resyncs
-- Marks requests whose entities are all recomputed.
UPDATE cdc.resync AS r SET finished_at = pg_catalog.clock_timestamp()
FROM cdc.feed_state AS f
WHERE r.feed = %(feed)s AND r.finished_at IS NULL AND r.paused_at IS NULL AND f.feed = r.feed
  AND r.last_position <= f.backlog_position
RETURNING r.id, r.entities, r.reason,
          EXTRACT(epoch FROM pg_catalog.clock_timestamp() - r.requested_at)::pg_catalog.float8

-- name: unfinished_resyncs
-- How far the unfinished resyncs of a feed are: id, entities, reason, entities done, seconds since the request.
SELECT r.id, r.entities, r.reason,
       r.done + LEAST(GREATEST(f.backlog_position - r.first_position + 1, 0), r.entities - r.done),
       EXTRACT(epoch FROM pg_catalog.clock_timestamp() - r.requested_at)::pg_catalog.float8
FROM cdc.resync AS r JOIN cdc.feed_state AS f USING (feed)
WHERE r.feed = %(feed)s AND r.finished_at IS NULL AND r.paused_at IS NULL
ORDER BY r.id

-- name: resync_progress
-- Whether a resync is finished, how many of its entities are done, why its feed stopped, and whether it was cancelled.
SELECT r.finished_at IS NOT NULL,
       r.done + CASE WHEN r.finished_at IS NULL AND r.paused_at IS NULL
                THEN GREATEST(f.backlog_position - r.first_position + 1, 0) ELSE 0 END,
       f.stopped_reason, r.cancelled_at IS NOT NULL
FROM cdc.resync AS r JOIN cdc.feed_state AS f USING (feed)
WHERE r.id = %(id)s

-- name: wanted
-- Registers a feed or its changed definition. After a change only a resync makes the feed right. The same holds if
-- the feed needs columns or rows that capture may have left out: a table that had a filter and has none now, or that
-- had other filters. (The numbers of a new feed begin after its last revision.)
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
-- The configuration to which each feed belongs. Before migration 10 there was one configuration.
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
-- Forgets the former sinks of a dropped feed.
DELETE FROM cdc.former_sink WHERE feed = {feed}

-- name: forget_obsolete_keys_of
-- Forgets the obsolete keys of a dropped feed.
DELETE FROM cdc.obsolete_key WHERE feed = {feed}

-- name: forget_failures_of
-- Forgets the failed items of a dropped feed.
DELETE FROM cdc.failed_item WHERE feed = {feed}

-- name: forget_delivered_of
-- Forgets which documents of a dropped feed sinks have.
DELETE FROM cdc.delivered_document WHERE feed = {feed}

-- name: installed
-- The installed feeds. Before migration 3 a feed has no filters, before migration 5 no foreign code.
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
-- Whether the backlog is empty, no entity is to be tried again, and no daemon works on the feed now.
SELECT f.cursor IS NOT NULL AND f.backlog_position >= f.backlog_end AND NOT EXISTS (
    SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed AND e.retry_at <= pg_catalog.clock_timestamp()
)
FROM cdc.feed_state AS f WHERE f.feed = %(feed)s FOR UPDATE SKIP LOCKED

-- name: has_cursor
-- Whether a feed has begun.
SELECT f.cursor IS NOT NULL FROM cdc.feed_state AS f WHERE f.feed = %(feed)s
