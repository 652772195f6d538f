-- name: feed
-- A feed's state row, as far as it concerns each of its documents.
SELECT f.cursor::pg_catalog.text, f.cursor_at, f.stopped_reason, f.stopped_at, f.uncaptured, f.uncaptured_since,
       f.backlog_position, f.backlog_end, f.synced_at, f.fingerprint, f.last_pass, pg_catalog.clock_timestamp(),
       f.retry_at
FROM cdc.feed_state AS f
WHERE f.feed = %(feed)s

-- name: stored_relation
-- The oid of a stored feed's table; NULL if there is none.
SELECT pg_catalog.to_regclass(pg_catalog.format('cdc.%%I', %(table)s::pg_catalog.text))::pg_catalog.oid

-- name: yielded
-- The document of one key as the query yields it now, made and hashed as a recomputation makes it.
SELECT pg_catalog.json_build_array({entities})::pg_catalog.text, {key_object}::pg_catalog.text,
       d.document::pg_catalog.text, pg_catalog.encode(d.hash, 'hex'), {refresh_at}
FROM (
{hashed_documents}
) AS d
WHERE {same_key}
LIMIT 1

-- name: stored
-- The stored row of one key, and the key as JSON: as it is stored, or as it was asked for.
SELECT (SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {keys}) AS k)::pg_catalog.text,
       s.document::pg_catalog.text, pg_catalog.encode(s.hash, 'hex'), s.revision, s.deleted, s.captured_at, s.modified_at,
       {refresh_at}, ARRAY[{entities}]
FROM (SELECT {asked}) AS a
LEFT JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s ON true

-- name: keys_of_entity
-- The keys of an entity's documents, stored or yielded, as text; duplicates removed.
SELECT DISTINCT {keys} FROM (
(SELECT {stored_keys} FROM cdc.{feed} AS s WHERE {affected_stored})
UNION ALL
(SELECT {query_keys} FROM (
{query}
) AS q WHERE {affected_query})
) AS k
ORDER BY {order}
LIMIT {limit}

-- name: stored_keys_of_entity
-- The keys of an entity's stored documents, as text.
SELECT {keys} FROM cdc.{feed} AS s WHERE {affected} ORDER BY {order} LIMIT {limit}

-- name: sources
-- The source tables that a feed reads, with their changelogs.
SELECT s.schema_name, s.table_name, s.changelog, s.relation
FROM cdc.source AS s JOIN cdc.feed_state AS f ON s.schema_name || '.' || s.table_name = ANY (f.sources)
WHERE f.feed = %(feed)s
ORDER BY 1, 2

-- name: has_unread
-- The place of a table among others, if it has an entry that a feed has not read.
SELECT {number} FROM (SELECT FROM ({unread}) AS e LIMIT 1) AS e

-- name: reached
-- How many changed rows of a delta reach one entity by one route; the route has a place among others.
SELECT {number}, pg_catalog.count(*) FROM {routed} AS r WHERE {same_entity}

-- name: backlog
-- The place of an entity in the backlog. A request puts its entities there in their order, so it is found by halving, with
-- some twenty look-ups among a million. Each step takes the first entity at or after the middle: positions have gaps.
WITH RECURSIVE request AS (
    SELECT r.id, r.reason, r.requested_at, GREATEST(r.first_position, f.backlog_position + 1) AS first_position,
           r.first_position AS begun, r.last_position
    FROM cdc.resync AS r JOIN cdc.feed_state AS f ON f.feed = r.feed
    WHERE r.feed = %(feed)s AND r.finished_at IS NULL AND r.paused_at IS NULL AND r.last_position > f.backlog_position
), step AS (
    SELECT q.id, q.first_position AS low, q.last_position + 1 AS high FROM request AS q
    UNION ALL
    SELECT t.id, CASE WHEN m.below THEN m.found + 1 ELSE t.low END, CASE WHEN m.below THEN t.high ELSE m.middle END
    FROM step AS t
    CROSS JOIN LATERAL (
        SELECT (t.low + t.high) / 2 AS middle, p.position AS found, COALESCE({below}, false) AS below
        FROM (SELECT {asked}) AS a
        LEFT JOIN LATERAL (
            SELECT p.* FROM cdc.{backlog} AS p
            WHERE p.position >= (t.low + t.high) / 2 AND p.position < t.high
            ORDER BY p.position LIMIT 1
        ) AS p ON true
    ) AS m
    WHERE t.low < t.high
), place AS (
    SELECT t.id, pg_catalog.min(t.low) AS position FROM step AS t WHERE t.low = t.high GROUP BY t.id
)
SELECT p.position - f.backlog_position - 1, q.reason, q.requested_at,
       EXTRACT(epoch FROM pg_catalog.clock_timestamp() - q.requested_at)::pg_catalog.float8,
       GREATEST(f.backlog_position - q.begun + 1, 0)
FROM place AS l
JOIN request AS q ON q.id = l.id
JOIN cdc.feed_state AS f ON f.feed = %(feed)s
CROSS JOIN LATERAL (
    SELECT p.* FROM cdc.{backlog} AS p WHERE p.position >= l.position ORDER BY p.position LIMIT 1
) AS p
WHERE {same_entity}
ORDER BY p.position
LIMIT 1

-- name: set_aside
-- The failed entity with one of these digests of its values.
SELECT e.feed, e.entity, e.attempts, e.status, e.reason, e.first_failed_at, e.last_failed_at, e.retry_at
FROM cdc.failed_entity AS e
WHERE e.feed = %(feed)s AND e.id = ANY (%(ids)s::pg_catalog.bytea[])
LIMIT 1

-- name: sinks
-- How far each sink of a feed is, whether a scan has passed the key, whether the sink refused it, and each pause.
SELECT s.sink, s.revision, s.scan_until, s.scan_key::pg_catalog.text, s.snapshot, s.snapshot_wanted, s.tell_deletes,
       s.failure, s.failed_at, s.attempts, s.retry_at, s.delivered_at,
       i.revision, i.attempts, i.status, i.reason, i.first_failed_at, i.next_attempt_at, i.sink IS NOT NULL,
       p.sink, p.feed, p.reason, p.paused_at, p.paused_by,
       p.os_user
FROM cdc.sink_state AS s
LEFT JOIN cdc.failed_item AS i ON i.sink = s.sink AND i.feed = s.feed AND i.id = {id}
LEFT JOIN LATERAL (
    SELECT p.* FROM cdc.delivery_pause AS p
    WHERE p.sink IN (s.sink, '*') AND p.feed IN (s.feed, '*')
    ORDER BY p.paused_at LIMIT 1
) AS p ON true
WHERE s.feed = %(feed)s AND s.sink = ANY (%(sinks)s::pg_catalog.text[])

-- name: comes_after
-- Whether a key comes after the last one that a scan has reached.
SELECT {after} FROM (SELECT {asked}) AS s

-- name: ahead
-- How many changes of a feed's log stand between two revisions, at most so many.
SELECT pg_catalog.count(*) FROM (
    SELECT FROM cdc.{log} AS l
    WHERE l.revision > %(after)s::pg_catalog.int8 AND l.revision < %(before)s::pg_catalog.int8
    LIMIT {limit}
) AS l

-- name: disabled
-- Capture triggers of a feed's source tables that never fire or don't exist, and tables that are gone. (A trigger that
-- fires only in ordinary sessions, `O`, has been altered too: what a replica session writes is not captured.)
SELECT s.schema_name || '.' || s.table_name,
       CASE WHEN c.oid IS NULL THEN 'the table is gone' ELSE w.name || CASE WHEN t.oid IS NULL THEN ' is missing'
            WHEN t.tgenabled = 'D' THEN ' is disabled' ELSE ' fires only in some sessions' END END
FROM cdc.source AS s
JOIN cdc.feed_state AS f ON s.schema_name || '.' || s.table_name = ANY (f.sources)
CROSS JOIN pg_catalog.unnest(%(triggers)s::pg_catalog.text[]) WITH ORDINALITY AS w (name, place)
LEFT JOIN pg_catalog.pg_class AS c
  ON c.oid = pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', s.schema_name, s.table_name))
LEFT JOIN pg_catalog.pg_proc AS p
  ON p.pronamespace = 'cdc'::pg_catalog.regnamespace AND p.proname = s.function
LEFT JOIN pg_catalog.pg_trigger AS t
  ON t.tgrelid = c.oid AND t.tgfoid = p.oid AND NOT t.tgisinternal
 AND (t.tgname = w.name OR t.tgname LIKE pg_catalog.replace(w.name, '_', '\_') || '\_%%')
WHERE f.feed = %(feed)s AND (t.tgenabled = 'A') IS NOT TRUE AND (c.oid IS NOT NULL OR w.place = 1)
ORDER BY 1, w.place

-- name: holders
-- Open transactions of others that have written to these tables, or hold a lock that keeps others from reading them. A
-- prepared one has no process; until the server restarts it keeps the virtual transaction of the session that prepared
-- it, so it is found by the lock on its own number.
SELECT n.nspname || '.' || c.relname, l.pid, x.gid, COALESCE(a.usename, x.owner)::pg_catalog.text, a.application_name,
       COALESCE(a.xact_start, x.prepared), a.query, pg_catalog.bool_or(l.mode = 'AccessExclusiveLock')
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
LEFT JOIN pg_catalog.pg_locks AS t
  ON l.pid IS NULL AND t.pid IS NULL AND t.locktype = 'transactionid' AND t.granted
 AND t.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_catalog.pg_prepared_xacts AS x ON x.transaction = t.transactionid
WHERE l.locktype = 'relation' AND l.granted
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND l.relation = ANY (%(relations)s::pg_catalog.oid[])
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
  AND COALESCE(a.application_name, '') NOT LIKE 'cdc-daemon%%'
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY 6, 1

-- name: count_rows
-- How many rows of a source table have some values, at most so many.
SELECT pg_catalog.count(*) FROM (SELECT FROM {table} AS t WHERE {matches} LIMIT {limit}) AS t

-- name: rows
-- The links of rows of a source table that have some values, as if each had changed.
SELECT {links} FROM {table} AS t WHERE {matches} LIMIT {limit}

-- name: given_row
-- The links of a row that is gone, as somebody gave them.
SELECT {links}
