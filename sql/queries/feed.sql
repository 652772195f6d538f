-- name: recompute
-- Recomputes the documents of some entities with the feed's own query and keeps the differences, all in the
-- database: an unchanged document never travels. `= ANY` of an array is pushed down into the query (0.8 ms);
-- a join or `IN (SELECT unnest(...))` is not (390 to 460 ms).
-- The revision is drawn after the feed's state row was locked, so it grows in commit order.
-- This and every other statement that holds the user's query ({query}) runs with the configured search path: operators,
-- functions and types beside the query are named with their schemas, and nothing is used that looks an operator up by
-- itself (IN, IS DISTINCT FROM, BETWEEN, NULLIF, USING). tests/security checks it.
WITH hashed_documents AS MATERIALIZED (
{hashed_documents}
), differing AS MATERIALIZED (
    -- What is stored is looked up key by key: OFFSET 0 keeps the planner from joining. How many documents the
    -- query yields is hardest to guess of all that it guesses; guessed too high, a plain join reads the whole
    -- feed for every change.
    SELECT d.*, s.document AS stored, s.revision AS previous, {respelled_key} {key_conflict} AS key_conflict,
           s.revision IS NULL OR s.deleted OR s.hash OPERATOR(pg_catalog.=) d.hash AS whole,
           {next_revision} AS revision
    FROM hashed_documents AS d
    LEFT JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s ON true
    WHERE {differs}
), written AS (
    INSERT INTO cdc.{feed} AS f ({columns}, document, hash, revision, deleted, captured_at, modified_at)
    SELECT {differing_identity}, d.document, d.hash, d.revision, false,
           %(captured_at)s::pg_catalog.timestamptz, pg_catalog.clock_timestamp()
    FROM differing AS d
    ON CONFLICT ({keys}) DO UPDATE
    SET {set_identity}, document = EXCLUDED.document, hash = EXCLUDED.hash, revision = EXCLUDED.revision,
        deleted = false, captured_at = EXCLUDED.captured_at, modified_at = EXCLUDED.modified_at
), gone AS MATERIALIZED (
    SELECT {stored_keys}, s.revision AS previous,
           pg_catalog.nextval({revision}::pg_catalog.regclass) AS revision
    FROM cdc.{feed} AS s
    -- NOT = ANY, which is NOT IN, is looked up in a hash table however many documents the planner expects; for NOT
    -- EXISTS it may compare each stored document with each hashed one. (A key that is NULL has failed before.)
    WHERE {affected_feed} AND NOT s.deleted AND NOT {is_hashed}
), tombstoned AS (
    UPDATE cdc.{feed} AS s
    SET document = NULL, hash = NULL, revision = d.revision, deleted = true,
        captured_at = %(captured_at)s::pg_catalog.timestamptz, modified_at = pg_catalog.clock_timestamp(){unscheduled}
    FROM gone AS d
    WHERE {affected_feed} AND {same_key}
), {rescheduled} {respelled} logged AS (
    INSERT INTO cdc.{log} (revision, previous, {keys}, changed)
    SELECT d.revision, d.previous, {differing_keys},
           CASE WHEN d.whole OR %(all_fields)s::pg_catalog.bool THEN {fields} ELSE ARRAY(
               -- json_each decodes every string, and raises at \u0000 and at half a surrogate pair, which json may hold.
               -- Values are compared as they are written, so \u may stand as text: `\\` becomes `\\.`, then `\u`
               -- becomes `\\u`. No two texts become one. A field is named by its place, for its name may hold a `\`, too.
               SELECT ({fields})[n.place]
               FROM (SELECT pg_catalog.strpos(d.document::pg_catalog.text, '\u') OPERATOR(pg_catalog.>) 0
                         OR pg_catalog.strpos(d.stored::pg_catalog.text, '\u') OPERATOR(pg_catalog.>) 0 AS escaped) AS e
               CROSS JOIN LATERAL pg_catalog.json_each(CASE WHEN e.escaped THEN pg_catalog.replace(pg_catalog.replace(
                   d.document::pg_catalog.text, '\\', '\\.'), '\u', '\\u')::pg_catalog.json ELSE d.document END)
                   WITH ORDINALITY AS n (key, value, place)
               LEFT JOIN LATERAL pg_catalog.json_each(CASE WHEN e.escaped THEN pg_catalog.replace(pg_catalog.replace(
                   d.stored::pg_catalog.text, '\\', '\\.'), '\u', '\\u')::pg_catalog.json ELSE d.stored END)
                   AS o ON o.key OPERATOR(pg_catalog.=) n.key
               WHERE (n.value::pg_catalog.text OPERATOR(pg_catalog.=) o.value::pg_catalog.text) IS NOT TRUE
           ) END
    FROM differing AS d
    UNION ALL
    SELECT d.revision, d.previous, {differing_keys}, '{{}}'
    FROM gone AS d
    {returned}
) {remembered}
SELECT (SELECT pg_catalog.count(*) FROM hashed_documents),
       (SELECT pg_catalog.count(*) FROM differing),
       (SELECT pg_catalog.count(*) FROM gone),
       (SELECT pg_catalog.count(*) FROM differing AS d WHERE d.previous IS NULL),
       (SELECT pg_catalog.count(*) FROM differing AS d WHERE d.previous IS NOT NULL AND d.stored IS NULL),
       GREATEST((SELECT pg_catalog.max(revision) FROM differing), (SELECT pg_catalog.max(revision) FROM gone)),
       (SELECT pg_catalog.json_agg(d.key_conflict) FROM differing AS d WHERE d.key_conflict IS NOT NULL),
       -- ON CONFLICT alone does not see it: of two rows with one key, the one that is stored already is no
       -- difference, and the other one would take its place.
       EXISTS (SELECT FROM hashed_documents AS d GROUP BY {hashed_keys}
               HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1),
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array({entity_texts}, d.document_bytes)) FROM hashed_documents AS d
        WHERE d.document_bytes OPERATOR(pg_catalog.>) {max_bytes})

-- name: hashed_documents
-- Documents with their hashes, made by the feed's query.
-- OFFSET 0 is a fence: behind it each output column is computed once. Without it the planner writes a column's
-- expression into every place that names it, and a subquery there runs for the document and for the hash.
-- The size of a value that was just made is its header's: no copy of a document that is too large is made to find out.
SELECT {identity}, made.document, pg_catalog.pg_column_size(made.document) AS document_bytes,
       CASE WHEN pg_catalog.pg_column_size(made.document) OPERATOR(pg_catalog.<=) {max_bytes} THEN {hash} END AS hash
FROM (
{query}
) AS u
CROSS JOIN LATERAL (SELECT u.* OFFSET 0) AS q
CROSS JOIN LATERAL (SELECT {document} AS document OFFSET 0) AS made
WHERE {affected_query}

-- name: hash
-- The hash that decides whether a document changed.
pg_catalog.sha256(pg_catalog.convert_to({hashed}::pg_catalog.text, 'UTF8'))

-- name: hash_of_some
-- The hash leaves fields out. All of the document must be text that can be delivered, or deliveries would fail at it.
CASE WHEN pg_catalog.convert_to(made.document::pg_catalog.text, 'UTF8') IS NOT NULL THEN {hash} END

-- name: remote_batch
-- The same as `compute_remotely` brought it from another session.
SELECT {typed}, b.document::pg_catalog.json AS document, b.document_bytes::pg_catalog.int8 AS document_bytes, b.hash
FROM UNNEST(
    {arrays}, %(documents)s::pg_catalog.text[], %(sizes)s::pg_catalog.text[], %(hashes)s::pg_catalog.bytea[]
) AS b ({names}, document, document_bytes, hash)

-- name: differs
-- Whether a hashed document is not what is stored. One that is too large is not looked at: what is stored stays.
d.document_bytes OPERATOR(pg_catalog.<=) {max_bytes}
AND (s.revision IS NULL OR s.deleted OR s.hash OPERATOR(pg_catalog.<>) d.hash OR %(force)s::pg_catalog.bool {moved})

-- name: remote_array
-- A column of documents as one array, for another session; an empty one where there are none.
COALESCE(pg_catalog.array_agg({text}), '{{}}')

-- name: compute_remotely
-- The reading half of `recompute`, for a session that works beside the feed's own and on the same snapshot. Each
-- column comes as one array: thousands of values travel as a few. A document that is as stored stays here.
WITH hashed_documents AS MATERIALIZED (
{hashed_documents}
)
SELECT {arrays},
       COALESCE(pg_catalog.array_agg(CASE WHEN {differs} THEN d.document::pg_catalog.text END), '{{}}'),
       COALESCE(pg_catalog.array_agg(d.document_bytes::pg_catalog.text), '{{}}'),
       COALESCE(pg_catalog.array_agg(d.hash), '{{}}')
FROM hashed_documents AS d
LEFT JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s ON true

-- name: refresh_at
-- Only a time to come is kept: one that has passed would be due again at once, for ever. now() is the
-- transaction's start, here, in the query and where due entities are looked up.
CASE WHEN {column} OPERATOR(pg_catalog.>) pg_catalog.now() THEN {column} END AS refresh_at

-- name: respelled_key
-- The key as it was delivered, where the new one is equal to it and is written otherwise.
CASE WHEN s.revision IS NOT NULL AND {written_otherwise}
     THEN (SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {stored_keys}) AS k)::pg_catalog.text END AS respelled,

-- name: next_revision
-- The revision of a document that differs.
pg_catalog.nextval({revision}::pg_catalog.regclass)

-- name: next_revision_of_respelled
-- A document under a new spelling of its key takes two revisions: the first one is for the delete of the old spelling.
-- (This session alone draws them, so they follow each other.)
CASE WHEN s.revision IS NOT NULL AND {written_otherwise}
     THEN GREATEST({next_revision}, {next_revision}) ELSE {next_revision} END

-- name: respelled
-- A receiver that compares keys by their bytes keeps the document under the old one: a delete is remembered for each
-- sink. Its revision is above that of the old document and below that of the new one. So a receiver that calls both
-- keys equal keeps the new document, in whatever order the two arrive.
respelled AS (
    INSERT INTO cdc.obsolete_key (sink, feed, key, revision)
    SELECT o.sink, {name}, d.respelled, d.revision OPERATOR(pg_catalog.-) 1
    FROM differing AS d
    CROSS JOIN (
        SELECT k.sink FROM cdc.sink_state AS k WHERE k.feed OPERATOR(pg_catalog.=) {name}
        UNION SELECT k.sink FROM cdc.former_sink AS k WHERE k.feed OPERATOR(pg_catalog.=) {name}
    ) AS o
    WHERE d.respelled IS NOT NULL
),

-- name: rescheduled
-- Documents that differ in nothing but their next time: no revision, nothing to send. (A row may be written once
-- in a statement: those that differ have it already.)
rescheduled AS (
    UPDATE cdc.{feed} AS s
    SET refresh_at = d.refresh_at
    FROM hashed_documents AS d
    WHERE {affected_feed} AND {same_key} AND NOT {differs}
      AND ROW(s.refresh_at)::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW(d.refresh_at)::pg_catalog.record
),

-- name: key_conflict
-- An entity outside of this batch that holds a key which the batch yields too: either the key moved here, or it
-- is not unique. Recomputed together with the batch the two look different. (Most rows keep their entity and
-- fail the first comparison: `<> ALL` of a thousand entities for each of a thousand rows took most of the time. And
-- IS FALSE, for `NOT s.deleted` is NULL where no row is stored, which does not end an AND: a first sync made the
-- array of its batch anew for each document, 30 of 65 microseconds.)
CASE WHEN s.deleted IS FALSE AND ({same_entity}) IS NOT TRUE AND NOT ({affected_feed})
     THEN pg_catalog.json_build_array({entities}) END

-- name: no_key_conflict
-- The entity is part of the key: no other entity can hold it.
NULL::pg_catalog.json

-- name: as_text
-- The value's text by its type's output function, for a type with which users may have made casts. concat() makes '' of
-- NULL, and IS NOT NULL is false for a composite value that holds only NULLs; IS DISTINCT FROM NULL looks no operator
-- up.
CASE WHEN {value} IS DISTINCT FROM NULL THEN pg_catalog.concat({value}) END

-- name: remember_renamed
-- Keys that are spelled otherwise now than when they were delivered, because a label of an enum or an attribute got
-- another name. The stored key follows that; the document still has the former spelling. (`->` fails at `\u0000` and
-- half a surrogate anywhere in a document: with its backslashes doubled an escape is plain text, see `logged`.)
WITH renamed AS (
    SELECT CASE WHEN e.escaped THEN pg_catalog.replace(pg_catalog.replace(o.key, '\\u', '\u'), '\\.', '\\') ELSE o.key END AS key
    FROM (
        SELECT s.*, {key_object}::pg_catalog.text AS key_now,
               pg_catalog.strpos(s.document::pg_catalog.text, '\u') OPERATOR(pg_catalog.>) 0 AS escaped
        FROM cdc.{feed} AS s
        WHERE s.document IS NOT NULL
    ) AS e
    CROSS JOIN LATERAL (
        SELECT CASE WHEN e.escaped THEN pg_catalog.replace(pg_catalog.replace(
            e.document::pg_catalog.text, '\\', '\\.'), '\u', '\\u')::pg_catalog.json ELSE e.document END AS document
        OFFSET 0
    ) AS d
    CROSS JOIN LATERAL (SELECT pg_catalog.row_to_json(k.*)::pg_catalog.text AS key FROM (SELECT {former}) AS k) AS o
    WHERE CASE WHEN e.escaped THEN pg_catalog.replace(pg_catalog.replace(o.key, '\\u', '\u'), '\\.', '\\') ELSE o.key END
          OPERATOR(pg_catalog.<>) e.key_now
), remembered AS (
    INSERT INTO cdc.obsolete_key (sink, feed, key)
    SELECT o.sink, o.feed, r.key
    FROM (
        SELECT s.sink, s.feed FROM cdc.sink_state AS s WHERE s.feed = %(name)s
        UNION SELECT s.sink, s.feed FROM cdc.former_sink AS s WHERE s.feed = %(name)s
    ) AS o CROSS JOIN renamed AS r
)
SELECT EXISTS (SELECT FROM renamed)

-- name: from_text
-- The value of such a type by its input function. A cast from text to it, or to an array of it, may be a user's;
-- a column of a record made of JSON takes none.
(SELECT r.value FROM pg_catalog.json_to_record(pg_catalog.json_build_object('value', {text})) AS r (value {type}))

-- name: affected_one
-- Rows of some entities, by one entity column.
{column} {equal} ANY ({values})

-- name: wanted_entities
-- The entity being several columns: each ANY is pushed down, a comparison with these rows makes it exact.
UNNEST({arrays}) AS w ({names})

-- name: duplicates
-- The keys that a query yields twice or without a value, for the message.
SELECT (SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {groups}) AS k)::pg_catalog.text, pg_catalog.count(*)
FROM (SELECT {keys} FROM (
{query}
) AS q WHERE {affected_query}) AS d
GROUP BY {groups} HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 OR {any_null}
LIMIT 3

-- name: bad_keys
-- How many keys of a query occur twice, how many have no value, and three of them; the whole query is run.
SELECT pg_catalog.count(*) FILTER (WHERE NOT b.without_value), pg_catalog.count(*) FILTER (WHERE b.without_value),
       COALESCE((pg_catalog.array_agg(b.key))[1:3], '{{}}')
FROM (
    SELECT (SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {groups}) AS k)::pg_catalog.text AS key,
           {any_null} AS without_value
    FROM (SELECT {keys} FROM (
{query}
    ) AS q) AS d
    GROUP BY {groups} HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 OR {any_null}
) AS b

-- name: resolve
-- The entities that a delta touches, as text; duplicates removed.
SELECT DISTINCT {texts} FROM (
{routes}
) AS a
WHERE {possible}
LIMIT {limit}

-- name: without_entity
-- Documents that no entity owns: a pass could never find them again. NULL is looked up by index where there is
-- one.
SELECT pg_catalog.row_to_json(k.*)::pg_catalog.text
FROM (
    SELECT {keys} FROM (
{query}
    ) AS q WHERE {any_null}
    LIMIT 3
) AS k

-- name: due
-- The entities that asked to be recomputed by now, as text, each with its earliest time and how many documents
-- asked; those that wait longest.
SELECT {texts}, pg_catalog.min(s.refresh_at), pg_catalog.count(*)
FROM (
    SELECT {entities}, s.refresh_at FROM cdc.{feed} AS s
    WHERE s.refresh_at <= pg_catalog.now()
    ORDER BY s.refresh_at
    LIMIT {limit}
) AS s
GROUP BY {entities}

-- name: narrowed_delta
-- The delta without rows that can't matter, as long as the tables that say so have not changed.
SELECT delta.* FROM (
{delta}
) AS delta
WHERE {conditions}

-- name: route
-- One route over the delta of its table.
(WITH delta AS (
{delta}
)
SELECT {entities} FROM (
{route}
) AS r)

-- name: partial_route
-- A route that binds some entity columns: every entity that has these values now, in the query or (its
-- documents may have vanished) in the stored feed.
(WITH delta AS (
{delta}
), bound AS MATERIALIZED (
SELECT DISTINCT {bound} FROM (
{route}
) AS r
)
SELECT {query_entities} FROM (
{query}
) AS q WHERE {query_matches}
UNION ALL
SELECT {stored_entities} FROM cdc.{feed} AS s WHERE {stored_matches})

-- name: every_entity
-- All entities: those that the query yields and those that are stored.
(SELECT {query_entities} FROM (
{query}
) AS q
UNION ALL
SELECT {stored_entities} FROM cdc.{feed} AS s WHERE NOT s.deleted)

-- name: own_entities
-- The entities that are stored or set aside. Beside a route it runs with the route's search path.
(SELECT {stored_entities} FROM cdc.{feed} AS s
UNION ALL
SELECT {failed_entities} FROM cdc.failed_entity AS e
 WHERE e.feed OPERATOR(pg_catalog.=) {name} AND e.entity IS NOT NULL)

-- name: every_row
-- All rows of a source table, as if each had changed.
SELECT {links} FROM {table} AS t

-- name: entities_where
-- The entities of documents with given values, in the query or in the stored feed.
(SELECT {query_entities} FROM (
{query}
) AS q WHERE {query_matches}
UNION ALL
{stored})

-- name: stored_where
-- The entities of stored documents with given values.
SELECT {stored_entities} FROM cdc.{feed} AS s WHERE {stored_matches}

-- name: add_to_backlog
-- Hands entities over to the backlog, in entity order. The state row is locked, so positions grow in commit
-- order and "position greater than the last one done" misses nothing.
WITH added AS (
    INSERT INTO cdc.{backlog} (force, {columns})
    SELECT %(force)s::pg_catalog.bool, {entities}
    FROM (SELECT DISTINCT {entities} FROM (
{affected}
    ) AS a {where} ORDER BY {entities}) AS a
    RETURNING position
)
SELECT pg_catalog.count(*), pg_catalog.min(position), pg_catalog.max(position) FROM added

-- name: next_of_backlog
-- The next entities of the backlog, as text.
SELECT p.position, p.force, {texts}
FROM cdc.{backlog} AS p
WHERE p.position > %(after)s
ORDER BY p.position
LIMIT {limit}

-- name: lock_backlog
-- Nobody waits: a status query or a dump may be reading it.
LOCK TABLE cdc.{backlog} IN ACCESS EXCLUSIVE MODE NOWAIT

-- name: empty_backlog
-- Empties a backlog that is drained; the caller holds its lock.
TRUNCATE cdc.{backlog}

-- name: count
-- Stored documents and tombstones. It reads every row: only for a pass whose stored counts do not hold.
SELECT pg_catalog.count(*) FILTER (WHERE NOT s.deleted), pg_catalog.count(*) FILTER (WHERE s.deleted)
FROM cdc.{feed} AS s

-- name: changes
-- The next page of a feed's log, with the documents as they are now. A row whose document has a later
-- revision comes without it: that revision is further on in the log. What changed is gathered from the
-- earlier revisions that the sink may not have had, each found by its number.
-- Keys and documents come as bytes: sinks send them as they are.
-- The page ends before the document with which it would take more than the bytes asked for. (Documents that are
-- stored out of line are counted without being held: only pointers to them are materialised.) One that is too large,
-- stored by an earlier version or under another limit, comes with its size and without its text.
WITH RECURSIVE page AS MATERIALIZED (
    SELECT l.revision, l.previous, l.changed, {log_keys}
    FROM cdc.{log} AS l
    WHERE l.revision > %(revision)s::pg_catalog.int8
    ORDER BY l.revision
    LIMIT %(limit)s
), current AS MATERIALIZED (
    SELECT p.revision, p.previous, p.changed, s.deleted, s.hash, s.document, s.captured_at, {key_object} AS key
    FROM page AS p
    -- Key by key, as in `recompute`: a page is planned for as many as it may hold, and a join for that many would
    -- read the whole feed to deliver one document.
    LEFT JOIN LATERAL (
        SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} AND s.revision = p.revision OFFSET 0
    ) AS s ON true
), counted AS MATERIALIZED (
    SELECT c.revision, COALESCE(pg_catalog.octet_length(c.document::pg_catalog.text), 0) AS bytes
    FROM current AS c
), fitting AS (
    SELECT t.revision, t.bytes
    FROM (
        SELECT n.revision, n.bytes,
               pg_catalog.sum(CASE WHEN n.bytes <= {max_bytes} THEN n.bytes ELSE 0 END) OVER (ORDER BY n.revision) AS total
        FROM counted AS n
    ) AS t
    WHERE t.total - CASE WHEN t.bytes <= {max_bytes} THEN t.bytes ELSE 0 END < %(bytes)s::pg_catalog.int8
), chain AS (
    SELECT c.revision AS head, c.previous, c.changed FROM current AS c WHERE c.key IS NOT NULL
    UNION ALL
    SELECT c.head, l.previous, l.changed
    FROM chain AS c JOIN cdc.{log} AS l ON l.revision = c.previous
    WHERE c.previous > %(caught_up)s::pg_catalog.int8
), gathered AS (
    SELECT c.head, pg_catalog.array_agg(DISTINCT u.field) AS changed
    FROM chain AS c CROSS JOIN LATERAL pg_catalog.unnest(c.changed) AS u (field)
    GROUP BY c.head
)
SELECT c.revision, pg_catalog.convert_to(c.key::pg_catalog.text, 'UTF8'), c.deleted, pg_catalog.encode(c.hash, 'hex'),
       CASE WHEN fitting.bytes <= {max_bytes} THEN pg_catalog.convert_to(c.document::pg_catalog.text, 'UTF8') END,
       c.captured_at, pg_catalog.array_to_json(COALESCE(g.changed, '{{}}'))::pg_catalog.text, fitting.bytes::pg_catalog.int8,
       (SELECT pg_catalog.count(*) FROM page)
FROM fitting JOIN current AS c USING (revision) LEFT JOIN gathered AS g ON g.head = c.revision
ORDER BY c.revision

-- name: scan
-- The next page of the stored feed in key order, for a sink that is new or far behind: rows that changed
-- since its cursor, up to the revision from which it will follow the log. To whom all is new, what is gone is
-- nothing; one that may hold it is told. Bounded by bytes as the log's page is.
WITH page AS MATERIALIZED (
    SELECT s.*
    FROM cdc.{feed} AS s
    WHERE s.revision > %(revision)s::pg_catalog.int8 AND s.revision <= %(until)s::pg_catalog.int8
      AND (%(deletes)s OR NOT (s.deleted AND %(revision)s::pg_catalog.int8 = 0)) {after}
    ORDER BY {stored_keys}
    LIMIT %(limit)s
), counted AS MATERIALIZED (
    SELECT s.revision, pg_catalog.row_number() OVER (ORDER BY {stored_keys}) AS place,
           COALESCE(pg_catalog.octet_length(s.document::pg_catalog.text), 0) AS bytes
    FROM page AS s
), fitting AS (
    SELECT t.revision, t.place, t.bytes
    FROM (
        SELECT n.*,
               pg_catalog.sum(CASE WHEN n.bytes <= {max_bytes} THEN n.bytes ELSE 0 END) OVER (ORDER BY n.place) AS total
        FROM counted AS n
    ) AS t
    WHERE t.total - CASE WHEN t.bytes <= {max_bytes} THEN t.bytes ELSE 0 END < %(bytes)s::pg_catalog.int8
)
SELECT s.revision, pg_catalog.convert_to({key_object}::pg_catalog.text, 'UTF8'), s.deleted,
       pg_catalog.encode(s.hash, 'hex'),
       CASE WHEN t.bytes <= {max_bytes} THEN pg_catalog.convert_to(s.document::pg_catalog.text, 'UTF8') END, s.captured_at,
       NULL, t.bytes::pg_catalog.int8, (SELECT pg_catalog.count(*) FROM page), pg_catalog.json_build_array({key_texts})::pg_catalog.text
FROM fitting AS t JOIN page AS s ON s.revision = t.revision
ORDER BY t.place

-- name: due_failed_items
-- Documents whose next attempt has come, as they are now. One with a later revision than was refused is left to the
-- normal order; one that is stored no more comes without a revision. The key as JSON is turned into values by the
-- stored feed's own row type: a cast from text knows nothing of composite types or arrays.
SELECT s.revision, pg_catalog.convert_to(COALESCE({key_object}::pg_catalog.text, i.key::pg_catalog.text), 'UTF8'),
       s.deleted, pg_catalog.encode(s.hash, 'hex'),
       CASE WHEN z.bytes <= {max_bytes} THEN pg_catalog.convert_to(s.document::pg_catalog.text, 'UTF8') END,
       s.captured_at, NULL, z.bytes::pg_catalog.int8
FROM cdc.failed_item AS i
CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::cdc.{feed}, i.key) AS k
LEFT JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s ON true
CROSS JOIN LATERAL (SELECT COALESCE(pg_catalog.octet_length(s.document::pg_catalog.text), 0) AS bytes) AS z
WHERE i.sink = %(sink)s AND i.feed = %(name)s AND i.next_attempt_at <= pg_catalog.clock_timestamp()
  AND (s.revision IS NULL OR s.revision <= i.revision)
ORDER BY i.next_attempt_at
LIMIT %(limit)s

-- name: replay_some
-- Some documents are due to be delivered once more, whatever became of them before and whatever the target has.
WITH chosen AS (
    SELECT k.key, {id} AS id, s.revision
    FROM cdc.{feed} AS s CROSS JOIN LATERAL (SELECT {key_object}::pg_catalog.jsonb AS key) AS k
    WHERE {matches}
), forgotten AS (
    DELETE FROM cdc.delivered_document AS d USING chosen AS c
    WHERE d.sink = %(sink)s AND d.feed = %(name)s AND d.id = c.id
)
INSERT INTO cdc.failed_item AS i (sink, feed, id, key, revision, attempts, reason, next_attempt_at)
SELECT %(sink)s, %(name)s, c.id, c.key, c.revision, 0, 'replay', pg_catalog.clock_timestamp() FROM chosen AS c
ON CONFLICT (sink, feed, id) DO UPDATE
SET revision = EXCLUDED.revision, attempts = 0, next_attempt_at = EXCLUDED.next_attempt_at

-- name: revision_before
-- The last revision that was stored before a moment.
SELECT COALESCE(pg_catalog.min(s.revision) - 1, (SELECT f.revision FROM cdc.feed_state AS f WHERE f.feed = %(name)s))
FROM cdc.{feed} AS s
WHERE s.modified_at >= %(since)s::pg_catalog.timestamptz

-- name: scan_after
-- Continues after the last key that the sink had.
AND {after}
