-- name: unread
-- The entries since a cursor: those that are visible to this transaction's snapshot and were not visible to the
-- cursor's snapshot. This is exact for transactions that commit late; a condition on the greatest version seen loses
-- them. `xid >= ... OR xid IN (SELECT ...)` reads the whole changelog (121 ms for 500k entries; by index 0.4 ms). So
-- does `= ANY (ARRAY(SELECT ...))` if one transaction wrote most entries. Visible entries are older than the
-- snapshot's xmax. The statement says so only for the planner: it estimates a third of the changelog for `xid >= $1`,
-- and one entry in two hundred with an upper bound. (`xid = ...` does not help either.)
SELECT e.* FROM cdc.{changelog} AS e
WHERE e.xid >= pg_catalog.pg_snapshot_xmax(%(since)s::pg_catalog.pg_snapshot)
  AND e.xid < pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
UNION ALL
SELECT e.* FROM pg_catalog.pg_snapshot_xip(%(since)s::pg_catalog.pg_snapshot) AS open (xid)
CROSS JOIN LATERAL (
    SELECT e.* FROM cdc.{changelog} AS e WHERE e.xid >= open.xid AND e.xid <= open.xid OFFSET 0
) AS e

-- name: some
-- At most so many of some entries: a changelog that nobody reads grows without end.
SELECT e.* FROM ({unread}) AS e LIMIT {limit}

-- name: few
-- A few entries of a changelog, whatever its size: the planner takes an array's elements for ten, and so looks up by
-- index what routes reach from them.
UNNEST(ARRAY(SELECT (e.*)::cdc.{changelog} FROM ({unread}) AS e))

-- name: many
-- Any number of entries of a changelog.
({unread})

-- name: delta
-- The changed rows of some entries.
SELECT {columns}
FROM {entries} AS e CROSS JOIN LATERAL UNNEST({arrays}) AS u ({names})
WHERE e.rows IS NOT NULL

-- name: typed_array
-- An array of texts as an array of the type that they are of, by its input function: no cast is looked up.
(SELECT r.value FROM pg_catalog.json_to_record(pg_catalog.json_build_object('value', {array})) AS r (value {type}[]))

-- name: typed
-- The same for one text.
(SELECT r.value FROM pg_catalog.json_to_record(pg_catalog.json_build_object('value', {text})) AS r (value {type}))

-- name: delta_without_links
-- The same for a table whose rows can't name entities.
SELECT e.version_id FROM {entries} AS e

-- name: summary
-- How much became visible in one changelog since a cursor.
SELECT {table}, pg_catalog.count(*), COALESCE(pg_catalog.sum(e.rows), 0)::pg_catalog.int8,
       COALESCE(pg_catalog.bool_or({unknown}), false), pg_catalog.min(e.changed_at)
FROM ({unread}) AS e
HAVING pg_catalog.count(*) > 0

-- name: summary_with_causes
-- The same with the transactions of the entries, for the history: how many there are, and those that changed most
-- rows. Only these are made into JSON: a delta may have ten thousand.
(WITH g AS MATERIALIZED (
    SELECT e.xid, e."cdc$operation" AS operation, e."cdc$application" AS application, e."cdc$user" AS "user",
           pg_catalog.count(*) AS entries, pg_catalog.sum(e.rows)::int8 AS rows,
           pg_catalog.bool_or(e.rows IS NULL) AS unnamed, pg_catalog.bool_or({unknown}) AS unknown,
           pg_catalog.min(e.changed_at) AS changed_at
    FROM ({unread}) AS e
    GROUP BY 1, 2, 3, 4
)
SELECT {table}, pg_catalog.sum(g.entries)::int8, COALESCE(pg_catalog.sum(g.rows), 0)::int8,
       COALESCE(pg_catalog.bool_or(g.unknown), false), pg_catalog.min(g.changed_at), pg_catalog.count(DISTINCT g.xid)::int4,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                   c.operation, c.xid::pg_catalog.text, CASE WHEN NOT c.unnamed THEN c.rows END, c.changed_at,
                   c.application, c."user"))
        FROM (SELECT * FROM g ORDER BY g.rows DESC NULLS FIRST, g.xid DESC LIMIT {most}) AS c)
FROM g
HAVING pg_catalog.count(*) > 0)

-- name: lock_segment
-- Nobody waits: this fails while any writer of the segment is open or prepared, and that is the proof that
-- no entry can appear in it after the cursors are checked.
LOCK TABLE cdc.{segment} IN ACCESS EXCLUSIVE MODE NOWAIT

-- name: claimed
-- Whether some feed that reads this table has not read every entry of the segment. A stopped feed that gave
-- up its claim has no cursor and is not asked. Passes wait for the segment's lock meanwhile, so it is looked up:
-- `xid >= ... OR xid IN (...)` reads the whole segment for each feed that has read it all.
SELECT EXISTS (
    SELECT FROM cdc.feed_state AS f
    WHERE {table} = ANY (f.sources) AND f.cursor IS NOT NULL AND (
        (SELECT e.xid FROM cdc.{segment} AS e ORDER BY e.xid DESC LIMIT 1) >= pg_catalog.pg_snapshot_xmax(f.cursor)
        OR EXISTS (
            SELECT FROM pg_catalog.pg_snapshot_xip(f.cursor) AS open (xid)
            CROSS JOIN LATERAL (
                SELECT FROM cdc.{segment} AS e WHERE e.xid >= open.xid AND e.xid <= open.xid LIMIT 1
            ) AS e
        )
    )
)

-- name: empty_segment
-- Empties a segment that every feed has read; the caller holds its lock.
TRUNCATE cdc.{segment}

-- name: segment_is_empty
-- Whether a segment has nothing to empty, so that nobody need lock it.
SELECT NOT EXISTS (SELECT FROM cdc.{segment})

-- name: size
-- Bytes that a changelog or log takes with both its segments.
SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(i.inhrelid))::pg_catalog.int8
FROM pg_catalog.pg_inherits AS i
WHERE i.inhparent = pg_catalog.to_regclass({name})

-- name: drop_cursors
-- Feeds that have not read a changelog which grew past its limit lose their cursor: a resync will make them
-- right, and the changelog can be emptied. One that was written to within the last minute is not behind.
UPDATE cdc.feed_state AS f
SET cursor = NULL, generation = generation + 1
WHERE {table} = ANY (f.sources) AND f.cursor IS NOT NULL AND EXISTS (
    SELECT FROM cdc.{segment} AS e
    WHERE (e.xid >= pg_catalog.pg_snapshot_xmax(f.cursor)
           OR e.xid = ANY (ARRAY(SELECT pg_catalog.pg_snapshot_xip(f.cursor))))
      AND e.changed_at < pg_catalog.clock_timestamp() - interval '1 minute'
)
RETURNING f.feed
