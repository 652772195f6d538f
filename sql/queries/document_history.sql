-- name: segment
-- The segment that takes rows now. Runs with the user's search path, too: nothing in it is looked up there.
(SELECT h.number FROM cdc.history_segment AS h
 WHERE h.began_at IS NOT NULL ORDER BY h.began_at DESC LIMIT 1)

-- name: returned
-- What `recompute` hands on to `changes`.
RETURNING revision, previous, changed

-- name: changes
-- A part of `recompute`: one row for all documents that it changed, as arrays. A row for each document would be written
-- beside that of the log. A document without a former revision needs no place: the range of its pass says the same.
, remembered AS (
    INSERT INTO cdc.history_change (segment, feed, last_revision, revisions, previous, changed)
    SELECT {segment}, {feed}, pg_catalog.max(l.revision), pg_catalog.array_agg(l.revision),
           pg_catalog.array_agg(l.previous), pg_catalog.json_agg(l.changed)
    FROM logged AS l
    WHERE l.previous IS NOT NULL
    HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0
    ON CONFLICT DO NOTHING
)

-- name: pass
-- Ends a pass ({ended} is `advance` or `drained` of feed_state.sql) and records it, in one statement. The requests of a
-- chunk are those whose positions it passed.
WITH ended AS (
{ended}
)
INSERT INTO cdc.history_pass (
    segment, feed, pass, after_revision, last_revision, kind, captured_at, entities, documents, upserts, deletes,
    causes, transactions, requested, served, touched
)
SELECT {segment}, %(feed)s, e.generation, %(after_revision)s::int8, GREATEST(%(after_revision)s::int8, %(revision)s::int8),
       %(kind)s, %(captured_at)s, %(entities)s, %(recomputed)s, %(upserts)s, %(deletes)s, %(causes)s::json,
       %(transactions)s, NULLIF(%(requested)s::int8, 0),
       CASE WHEN %(position)s::int8 IS NOT NULL THEN ARRAY(
           SELECT r.id FROM cdc.resync AS r
           WHERE r.feed = %(feed)s AND r.first_position <= %(position)s::int8
             AND r.last_position > %(after_position)s::int8
           ORDER BY r.id
       ) END,
       %(touched)s::int4[]
FROM ended AS e
ON CONFLICT DO NOTHING

-- name: revisions
-- The revisions of a document, the newest first: each row of cdc.history_change has the former one. A revision that is
-- in none of them made the document: then the chain ends. Each step is two look-ups, whatever the feed's size.
WITH RECURSIVE chain AS (
    SELECT %(revision)s::int8 AS revision, 1 AS place
    UNION ALL
    SELECT n.previous, c.place + 1
    FROM chain AS c
    CROSS JOIN LATERAL (
        SELECT h.previous[pg_catalog.array_position(h.revisions, c.revision)] AS previous
        FROM (
            SELECT h.revisions, h.previous FROM cdc.history_change AS h
            WHERE h.feed = %(feed)s AND h.last_revision >= c.revision
            ORDER BY h.last_revision LIMIT 1
        ) AS h
    ) AS n
    WHERE n.previous IS NOT NULL AND c.place < %(limit)s
)
SELECT c.revision, h.changed, p.pass, p.captured_at, p.stored_at, p.transactions, p.causes, p.served
FROM chain AS c
CROSS JOIN LATERAL (
    SELECT p.* FROM cdc.history_pass AS p
    WHERE p.feed = %(feed)s AND p.last_revision >= c.revision
    ORDER BY p.last_revision, p.pass LIMIT 1
) AS p
LEFT JOIN LATERAL (
    SELECT h.changed -> (pg_catalog.array_position(h.revisions, c.revision) - 1) AS changed
    FROM (
        SELECT h.revisions, h.changed FROM cdc.history_change AS h
        WHERE h.feed = %(feed)s AND h.last_revision >= c.revision
        ORDER BY h.last_revision LIMIT 1
    ) AS h
) AS h ON true
WHERE p.after_revision < c.revision
ORDER BY c.place

-- name: requests
-- What chunks of the backlog were for: the reason of each request, and what the pass had read that made it.
SELECT r.id, r.reason, p.causes, p.transactions
FROM cdc.resync AS r
LEFT JOIN LATERAL (
    SELECT p.causes, p.transactions FROM cdc.history_pass AS p
    WHERE p.feed = r.feed AND p.requested = r.id LIMIT 1
) AS p ON true
WHERE r.feed = %(feed)s AND r.id = ANY (%(requests)s::int8[])
ORDER BY r.id

-- name: recomputations
-- The passes that recomputed an entity, the newest first, with those that changed nothing at all. Digests may be those
-- of other entities, one in four billion times the number of entities in a pass.
SELECT p.pass, p.stored_at, p.after_revision, p.last_revision, p.transactions, p.causes, p.served
FROM cdc.history_pass AS p
WHERE p.touched @> ARRAY[%(digest)s::int4] AND p.feed = %(feed)s
ORDER BY p.stored_at DESC
LIMIT %(limit)s

-- name: deliveries
-- What became of one revision at each sink: the pages whose range has it, and its own attempts.
SELECT d.sink, d.kind, d.delivered_at, d.answer, d.snapshot, d.records
FROM cdc.sink_state AS s
CROSS JOIN LATERAL (
    SELECT * FROM (
        SELECT d.* FROM cdc.history_delivery AS d
        WHERE d.feed = s.feed AND d.sink = s.sink AND d.last_revision >= %(revision)s::int8
        ORDER BY d.last_revision, d.delivered_at LIMIT %(limit)s
    ) AS d
    WHERE d.after_revision < %(revision)s::int8
) AS d
WHERE s.feed = %(feed)s
ORDER BY d.delivered_at DESC

-- name: began
-- Since when the history has rows; no row if it has none.
SELECT pg_catalog.min(s.began_at) FROM cdc.history_segment AS s WHERE s.began_at IS NOT NULL

-- name: delivered
-- Moves a cursor ({moved} is `advance` of sink_state.sql) and records the page, in one statement.
WITH moved AS (
{moved}
), recorded AS (
    INSERT INTO cdc.history_delivery (
        segment, sink, feed, after_revision, last_revision, kind, snapshot, records
    )
    SELECT {segment}, %(sink)s, %(feed)s, %(from)s::int8, GREATEST(%(revision)s::int8, %(scanned_until)s::int8),
           CASE WHEN %(scanned_until)s::int8 IS NULL THEN 'page' ELSE 'scan' END,
           CASE WHEN %(snapshot)s THEN %(scanned_until)s::int8 END,
           %(records)s::int4
    FROM moved AS m
    ON CONFLICT DO NOTHING
)
SELECT true FROM moved

-- name: attempts
-- Records that a sink refused or took, each alone.
INSERT INTO cdc.history_delivery (
    segment, sink, feed, after_revision, last_revision, kind, records, answer
)
SELECT {segment}, %(sink)s, %(feed)s, r.revision - 1, r.revision, %(kind)s, 1, r.answer
FROM UNNEST(%(revisions)s::int8[], %(answers)s::text[]) AS r (revision, answer)
ON CONFLICT DO NOTHING

-- name: segments
-- The segments with their sizes in bytes, the one that takes rows first; `ended_at` is when the next one began. The
-- fourth column tells the seconds since then, or since the segment began if it takes rows.
SELECT s.number, s.began_at, s.ended_at,
       COALESCE(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - COALESCE(s.ended_at, s.began_at)), 0)::float8,
       (SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))::int8
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'cdc'::pg_catalog.regnamespace
          AND c.relname = ANY (ARRAY['history_pass_' || s.number, 'history_change_' || s.number,
                                     'history_delivery_' || s.number]::name[]))
FROM (
    SELECT s.number, s.began_at, pg_catalog.lag(s.began_at) OVER (ORDER BY s.began_at DESC) AS ended_at
    FROM cdc.history_segment AS s WHERE s.began_at IS NOT NULL
) AS s
ORDER BY s.began_at DESC

-- name: lock_segment
-- Fails if a transaction writes or reads the segment: the next round tries again.
LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE NOWAIT

-- name: empty_segment
-- Removes the rows of one segment.
TRUNCATE {tables}

-- name: mark_empty
-- The segment has no rows.
UPDATE cdc.history_segment SET began_at = NULL WHERE number = %(number)s

-- name: begin_segment
-- Rows go into this empty segment from now on, unless another daemon has begun one.
UPDATE cdc.history_segment SET began_at = pg_catalog.clock_timestamp()
WHERE number = %(number)s AND began_at IS NULL
  AND NOT EXISTS (SELECT FROM cdc.history_segment AS s WHERE s.began_at > %(after)s)
RETURNING true

-- name: last_passes
-- The last passes of a feed that recomputed something, the latest first: each segment has an index in this order.
SELECT p.pass AS number, p.kind, p.captured_at, p.stored_at, p.entities, p.documents, p.upserts, p.deletes, p.causes,
       p.transactions
FROM cdc.history_pass AS p
WHERE p.feed = %(feed)s
ORDER BY p.last_revision DESC, p.pass DESC
LIMIT %(limit)s
