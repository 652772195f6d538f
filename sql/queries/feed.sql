-- name: recompute
-- Recomputes the documents of some entities by the feed's own query and stores those that differ. All of this happens
-- in the database: an unchanged document never travels. PostgreSQL pushes `= ANY` of an array down into the query
-- (0.8 ms), but not a join or `IN (SELECT unnest(...))` (390 to 460 ms). The revision is drawn while the feed's state
-- row is locked, so it grows in commit order. Every statement that contains the user's query ({query}) runs with the
-- configured search path. So it names the schema of every other operator, function and type, and has no construct
-- that looks up an operator by itself (IN, IS DISTINCT FROM, BETWEEN, NULLIF, USING). tests/security checks this.
WITH hashed_documents AS MATERIALIZED (
{hashed_documents}
), differing AS MATERIALIZED (
    -- OFFSET 0 makes PostgreSQL look up each stored document by its key. The planner can hardly estimate how many
    -- documents the query yields. If it estimates too many, a plain join reads the whole feed for every change.
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
    -- NOT = ANY (the same as NOT IN) uses a hash table, however many documents the planner expects. With NOT EXISTS
    -- it may compare each stored document with each hashed one. (A NULL key has raised an error before.)
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
               -- json_each decodes every string, and raises an error at \u0000 and at half a surrogate pair, which json
               -- may contain. Values are compared as texts, so \u may be plain text: `\\` becomes `\\.`, then `\u`
               -- becomes `\\u`. No two texts become equal. The result takes a field's name by its position, because the
               -- name too may contain a `\`.
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
       -- ON CONFLICT does not notice a repeated key: of two rows with one key, the one that equals the stored row
       -- does not differ, and the other one would replace it.
       EXISTS (SELECT FROM hashed_documents AS d GROUP BY {hashed_keys}
               HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1),
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array({entity_texts}, d.document_bytes)) FROM hashed_documents AS d
        WHERE d.document_bytes OPERATOR(pg_catalog.>) {max_bytes})

-- name: hashed_documents
-- Documents of the feed's query, with their hashes. OFFSET 0 makes PostgreSQL compute each output column once.
-- Without it, the planner writes a column's expression into each place that names the column, and a subquery runs for
-- the document and again for the hash. pg_column_size() of a new value reads its header: nothing copies a document
-- that is too large.
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
-- The hash of some fields. The whole document must be convertible to UTF8, or deliveries would fail at it.
CASE WHEN pg_catalog.convert_to(made.document::pg_catalog.text, 'UTF8') IS NOT NULL THEN {hash} END

-- name: remote_batch
-- The documents that `compute_remotely` computed in another session.
SELECT {typed}, b.document::pg_catalog.json AS document, b.document_bytes::pg_catalog.int8 AS document_bytes, b.hash
FROM UNNEST(
    {arrays}, %(documents)s::pg_catalog.text[], %(sizes)s::pg_catalog.text[], %(hashes)s::pg_catalog.bytea[]
) AS b ({names}, document, document_bytes, hash)

-- name: differs
-- Whether a hashed document differs from the stored one. A document that is too large does not count: the stored one
-- stays.
d.document_bytes OPERATOR(pg_catalog.<=) {max_bytes}
AND (s.revision IS NULL OR s.deleted OR s.hash OPERATOR(pg_catalog.<>) d.hash OR %(force)s::pg_catalog.bool {moved})

-- name: remote_array
-- A column of documents as one array, for another session; an empty array if there are none.
COALESCE(pg_catalog.array_agg({text}), '{{}}')

-- name: compute_remotely
-- The reading half of `recompute`, for a helper session on the same snapshot. Each column is returned as one array,
-- because thousands of values cost more than a few. A document that equals the stored one is not returned.
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
-- Keeps only a time in the future: a past one would be due again at once, for ever. now() is the start of the
-- transaction, here, in the query, and in the search for due entities.
CASE WHEN {column} OPERATOR(pg_catalog.>) pg_catalog.now() THEN {column} END AS refresh_at

-- name: respelled_key
-- The key as it was delivered, if the new key is equal but has other bytes.
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
-- Remembers a delete of the old key for each sink, because a receiver that compares bytes keeps a document under it.
-- The delete's revision is above that of the old document and below that of the new one. So a receiver for which both
-- keys are equal keeps the new document, in whatever order the two arrive.
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
-- Updates the next time of documents that do not differ otherwise: without a revision, and without a delivery. (One
-- statement may write a row only once. Documents that differ have their next time already.)
rescheduled AS (
    UPDATE cdc.{feed} AS s
    SET refresh_at = d.refresh_at
    FROM hashed_documents AS d
    WHERE {affected_feed} AND {same_key} AND NOT {differs}
      AND ROW(s.refresh_at)::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW(d.refresh_at)::pg_catalog.record
),

-- name: key_conflict
-- An entity outside of this batch that has a stored document with a key of the batch. Either the key moved, or it is
-- not unique. Recomputing the entity together with the batch shows which. (Most rows keep their entity and fail the
-- first comparison: comparing a thousand entities by `<> ALL` for each of a thousand rows took most of the time. IS
-- FALSE is needed because `NOT s.deleted` is NULL without a stored row, which does not end an AND: a first sync built
-- the array of its batch for each document, 30 of 65 microseconds.)
CASE WHEN s.deleted IS FALSE AND ({same_entity}) IS NOT TRUE AND NOT ({affected_feed})
     THEN pg_catalog.json_build_array({entities}) END

-- name: no_key_conflict
-- The entity is a part of the key, so no other entity can have it.
NULL::pg_catalog.json

-- name: as_text
-- The text of a value by its type's output function, for a type that may have user-defined casts. concat() makes ''
-- of NULL, and IS NOT NULL is false for a composite value of NULLs only. IS DISTINCT FROM NULL looks up no operator.
CASE WHEN {value} IS DISTINCT FROM NULL THEN pg_catalog.concat({value}) END

-- name: remember_renamed
-- Remembers keys whose text has changed since they were delivered, because a label of an enum or an attribute was
-- renamed. The stored key has the new text, the document still has the old one. (`->` fails at `\u0000` and at half a
-- surrogate anywhere in a document. With doubled backslashes an escape is plain text, see `logged`.)
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
-- The value of a text by the input function of such a type. A cast from text, also to an array, may be user-defined;
-- a column of json_to_record() uses none.
(SELECT r.value FROM pg_catalog.json_to_record(pg_catalog.json_build_object('value', {text})) AS r (value {type}))

-- name: affected_one
-- Rows of some entities, for one entity column.
{column} {equal} ANY ({values})

-- name: wanted_entities
-- The entities as rows, for an entity of several columns. PostgreSQL pushes ANY of each column down; the comparison
-- with these rows makes it exact.
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
-- The entities that a delta affects, as text, without duplicates.
SELECT DISTINCT {texts} FROM (
{routes}
) AS a
WHERE {possible}
LIMIT {limit}

-- name: without_entity
-- Documents without an entity: a pass could never find them. NULL is looked up by an index if there is one.
SELECT pg_catalog.row_to_json(k.*)::pg_catalog.text
FROM (
    SELECT {keys} FROM (
{query}
    ) AS q WHERE {any_null}
    LIMIT 3
) AS k

-- name: due
-- The entities that are due, as text, each with its earliest time and its number of due documents. Those that have
-- waited longest come first.
SELECT {texts}, pg_catalog.min(s.refresh_at), pg_catalog.count(*)
FROM (
    SELECT {entities}, s.refresh_at FROM cdc.{feed} AS s
    WHERE s.refresh_at <= pg_catalog.now()
    ORDER BY s.refresh_at
    LIMIT {limit}
) AS s
GROUP BY {entities}

-- name: narrowed_delta
-- The delta without rows that can't matter, as long as the tables of the join filters have not changed.
SELECT delta.* FROM (
{delta}
) AS delta
WHERE {conditions}

-- name: route
-- One route, over the delta of its table.
(WITH delta AS (
{delta}
)
SELECT {entities} FROM (
{route}
) AS r)

-- name: partial_route
-- A route that yields some entity columns: every entity with these values, in the query or (its documents may have
-- vanished) in the stored feed.
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
-- All entities: those of the query, and those of the stored feed.
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
-- Adds entities to the backlog, in entity order. The state row is locked, so positions grow in commit order, and
-- "position greater than the last one done" misses nothing.
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
-- The next entities of the backlog, as text, up to those of a paused or cancelled resync.
SELECT p.position, p.force, {texts}
FROM cdc.{backlog} AS p
WHERE p.position > %(after)s AND p.position < %(before)s
ORDER BY p.position
LIMIT {limit}

-- name: lock_backlog
-- NOWAIT, because a status query or a dump may be reading the table.
LOCK TABLE cdc.{backlog} IN ACCESS EXCLUSIVE MODE NOWAIT

-- name: empty_backlog
-- Empties a backlog whose entities are all recomputed. The caller holds its lock.
TRUNCATE cdc.{backlog}

-- name: count
-- Stored documents and tombstones. It reads every row: only for a pass whose stored counts do not hold.
SELECT pg_catalog.count(*) FILTER (WHERE NOT s.deleted), pg_catalog.count(*) FILTER (WHERE s.deleted)
FROM cdc.{feed} AS s

-- name: changes
-- The next page of a feed's log, with the present documents. A row whose document has a later revision comes without
-- the document, because that revision comes later in the log. The changed fields are gathered from the earlier
-- revisions that the sink may not have had; each is found by its number. Keys and documents come as bytes, because
-- sinks send them unchanged. The page ends before the document with which it would exceed the wanted bytes.
-- (Documents that are stored out of line are counted without holding them: only pointers are materialised.) A
-- document that is too large, stored by an earlier version or under another limit, comes with its size and without
-- its text.
WITH RECURSIVE page AS MATERIALIZED (
    SELECT l.revision, l.previous, l.changed, {log_keys}
    FROM cdc.{log} AS l
    WHERE l.revision > %(revision)s::pg_catalog.int8
    ORDER BY l.revision
    LIMIT %(limit)s
), current AS MATERIALIZED (
    SELECT p.revision, p.previous, p.changed, s.deleted, s.hash, s.document, s.captured_at, {key_object} AS key
    FROM page AS p
    -- Each document is looked up by its key, as in `recompute`. The planner expects a full page, and a join for a
    -- full page would read the whole feed to deliver one document.
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
-- The next page of the stored feed in key order, for a sink that is new or far behind: rows that changed since its
-- cursor, up to the revision from which it will follow the log. A new sink gets no deletes; a sink that may have the
-- documents gets them. The page is bounded by bytes, like the log's page.
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
-- Documents whose next attempt is due, in their present state. A document with a later revision than the refused one
-- is left to the normal order. A document that is no longer stored comes without a revision. The stored feed's row
-- type converts the JSON key into values, because a cast from text does not convert composite types or arrays.
-- A key that has another spelling now (`o`) is gone from the feed, although it equals the present one: it is deleted under
-- the spelling and the revision of the item. The same session writes both as text, so no setting makes a difference.
SELECT CASE WHEN o.respelled THEN i.revision ELSE s.revision END,
       pg_catalog.convert_to(CASE WHEN o.respelled THEN o.former ELSE COALESCE(o.present, i.key::pg_catalog.text) END, 'UTF8'),
       s.deleted OR o.respelled, CASE WHEN NOT o.respelled THEN pg_catalog.encode(s.hash, 'hex') END,
       CASE WHEN z.bytes <= {max_bytes} AND NOT o.respelled
            THEN pg_catalog.convert_to(s.document::pg_catalog.text, 'UTF8') END,
       s.captured_at, NULL, CASE WHEN o.respelled THEN 0 ELSE z.bytes END::pg_catalog.int8
FROM cdc.failed_item AS i
CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::cdc.{feed}, i.key) AS k
LEFT JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s ON true
CROSS JOIN LATERAL (SELECT COALESCE(pg_catalog.octet_length(s.document::pg_catalog.text), 0) AS bytes) AS z
CROSS JOIN LATERAL (SELECT {key_object}::pg_catalog.text AS present, {former_key}::pg_catalog.text AS former OFFSET 0) AS t
CROSS JOIN LATERAL (
    SELECT t.present, t.former, COALESCE(s.revision > i.revision AND t.present <> t.former, false) AS respelled
) AS o
WHERE i.sink = %(sink)s AND i.feed = %(name)s AND i.next_attempt_at <= pg_catalog.clock_timestamp()
  AND (s.revision IS NULL OR s.revision <= i.revision OR o.respelled)
ORDER BY i.next_attempt_at
LIMIT %(limit)s

-- name: refused_documents
-- The stored documents of failed items. The key as JSON is turned into values as in `due_failed_items`. An item whose key
-- has another spelling now is a delete.
SELECT DISTINCT i.key::pg_catalog.text, CASE WHEN o.respelled THEN i.revision ELSE s.revision END,
       pg_catalog.convert_to(CASE WHEN NOT o.respelled AND s.document IS NOT NULL THEN s.document::pg_catalog.text
                             ELSE 'null' END, 'UTF8')
FROM cdc.failed_item AS i
CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::cdc.{feed}, i.key) AS k
CROSS JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s
CROSS JOIN LATERAL (
    SELECT s.revision > i.revision AND {key_object}::pg_catalog.text <> {former_key}::pg_catalog.text AS respelled
) AS o
WHERE i.feed = %(name)s
  AND NOT EXISTS (
    SELECT FROM UNNEST(%(names)s::pg_catalog.text[], %(values)s::pg_catalog.text[]) AS w (name, value)
    WHERE (i.key OPERATOR(pg_catalog.->>) w.name) IS DISTINCT FROM w.value
)

-- name: replay_some
-- Delivers some documents once more, whatever happened to them before and whatever the target has.
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
-- Continues after the last key that the sink got.
AND {after}
