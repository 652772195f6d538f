-- name: entities
-- The entities of a walk, as text, each once: those that the query yields and those that are stored.
SELECT {texts} FROM (SELECT DISTINCT {entities} FROM (
{affected}
) AS a WHERE {wanted}) AS a
ORDER BY {order}

-- name: some_entities
-- The same, so many of them.
{entities} LIMIT {limit}

-- name: walk
-- The server computes the entities of a walk once and keeps them on its disk. No transaction is open during the walk.
DECLARE cdc_verified SCROLL CURSOR WITH HOLD FOR {entities}

-- name: count_walk
-- How many entities the walk has.
MOVE FORWARD ALL IN cdc_verified

-- name: begin_walk
-- Goes back to before the first entity.
MOVE ABSOLUTE 0 IN cdc_verified

-- name: go_on
-- The next entities of the walk.
FETCH FORWARD {limit} FROM cdc_verified

-- name: end_walk
-- Lets the server delete what it kept of the walk.
CLOSE cdc_verified

-- name: stored_since
-- The entities of documents that were stored or deleted since a moment.
SELECT {stored_entities} FROM cdc.{feed} AS s WHERE s.modified_at OPERATOR(pg_catalog.>=) %(since)s::pg_catalog.timestamptz

-- name: compare
-- Compares the documents of some entities, as the query yields them, with the stored ones, in both directions and on one
-- snapshot. Equal documents stay in the database. The hash alone would not do: a row that somebody changed by hand has
-- the hash of its former document. So the texts are compared, too. A field that the hash leaves out may differ.
WITH hashed_documents AS MATERIALIZED (
{hashed_documents}
), compared AS (
    SELECT d.document, s.document AS stored, s.revision, {hashed_key} AS key, {hashed_entity} AS entity,
           CASE WHEN s.revision IS NULL OR s.deleted THEN 'missing'
                WHEN s.hash OPERATOR(pg_catalog.=) d.hash {not_moved} THEN 'different'
                ELSE 'stale' END AS kind
    FROM hashed_documents AS d
    LEFT JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s ON true
    WHERE d.document_bytes OPERATOR(pg_catalog.<=) {max_bytes}
      AND (s.revision IS NULL OR s.deleted OR (s.hash OPERATOR(pg_catalog.=) d.hash) IS NOT TRUE {moved}
           OR (s.document::pg_catalog.text OPERATOR(pg_catalog.=) d.document::pg_catalog.text) IS NOT TRUE)
    UNION ALL
    SELECT NULL, s.document, s.revision, {stored_key}, {stored_entity}, 'left over'
    FROM cdc.{feed} AS s
    WHERE {affected_feed} AND NOT s.deleted AND NOT {is_hashed}
), told AS (
    SELECT c.key, c.kind, c.entity, c.revision, CASE WHEN c.kind OPERATOR(pg_catalog.=) ANY ('{{stale,different}}'::pg_catalog.text[])
           THEN ARRAY(
               -- As in `recompute`: json_each raises at \u0000 and at half a surrogate pair, which json may hold.
               SELECT ({fields})[n.place]
               FROM (SELECT pg_catalog.strpos(c.document::pg_catalog.text, '\u') OPERATOR(pg_catalog.>) 0
                         OR pg_catalog.strpos(c.stored::pg_catalog.text, '\u') OPERATOR(pg_catalog.>) 0 AS escaped,
                            CASE WHEN pg_catalog.json_typeof(c.stored) OPERATOR(pg_catalog.=) 'object' THEN c.stored
                                 ELSE '{{}}'::pg_catalog.json END AS stored) AS e
               CROSS JOIN LATERAL pg_catalog.json_each(CASE WHEN e.escaped THEN pg_catalog.replace(pg_catalog.replace(
                   c.document::pg_catalog.text, '\\', '\\.'), '\u', '\\u')::pg_catalog.json ELSE c.document END)
                   WITH ORDINALITY AS n (key, value, place)
               LEFT JOIN LATERAL pg_catalog.json_each(CASE WHEN e.escaped THEN pg_catalog.replace(pg_catalog.replace(
                   e.stored::pg_catalog.text, '\\', '\\.'), '\u', '\\u')::pg_catalog.json ELSE e.stored END)
                   AS o ON o.key OPERATOR(pg_catalog.=) n.key
               WHERE (n.value::pg_catalog.text OPERATOR(pg_catalog.=) o.value::pg_catalog.text) IS NOT TRUE
           ) ELSE '{{}}' END AS fields
    FROM compared AS c
)
SELECT (SELECT pg_catalog.count(*) FROM hashed_documents) OPERATOR(pg_catalog.+) (
           SELECT pg_catalog.count(*) FROM told AS t WHERE t.kind OPERATOR(pg_catalog.=) 'left over'),
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(t.key, t.kind, t.entity, t.fields, t.revision)) FROM told AS t
        WHERE t.kind OPERATOR(pg_catalog.<>) 'different' OR {counts})

-- name: counts
-- A document differs only in fields that the hash leaves out: that is no difference.
NOT t.fields OPERATOR(pg_catalog.<@) {excluded} OR t.fields OPERATOR(pg_catalog.=) '{{}}'::pg_catalog.text[]

-- name: state
-- How far a feed has come, in the snapshot of a comparison; whether some of its entities are unknown.
SELECT f.definition, f.cursor::pg_catalog.text, f.fingerprint, f.backlog_position, f.backlog_end, f.uncaptured,
       EXISTS (SELECT FROM cdc.failed_entity AS e WHERE e.feed = f.feed AND e.entity IS NULL)
FROM cdc.feed_state AS f WHERE f.feed = %(feed)s

-- name: in_backlog
-- Those of some entities that wait for recomputation.
SELECT DISTINCT {texts} FROM cdc.{backlog} AS p
WHERE p.position > %(after)s AND {affected}

-- name: due
-- Those of some entities whose next time has come.
SELECT DISTINCT {texts} FROM cdc.{feed} AS s WHERE s.refresh_at <= pg_catalog.now() AND {affected}

-- name: reached
-- Those of some entities that unread entries reach.
SELECT DISTINCT {texts} FROM (
{routes}
) AS a WHERE {affected}

-- name: given
-- Some entities, by their texts.
SELECT {names} FROM UNNEST({arrays}) AS w ({names})

-- name: delivery
-- How far a sink has a feed, before its receiver is read; whether a full snapshot is wanted or under way; the number of
-- the last one that began.
SELECT s.revision, s.snapshot_wanted, s.snapshot, s.snapshot_number FROM cdc.sink_state AS s
WHERE s.sink = %(sink)s AND s.feed = %(feed)s

-- name: undelivered_keys
-- Keys that a receiver rightly lacks or has too many: failed items, and keys that are obsolete.
SELECT i.key::pg_catalog.text FROM cdc.failed_item AS i WHERE i.sink = %(sink)s AND i.feed = %(feed)s
UNION ALL
SELECT o.key FROM cdc.obsolete_key AS o WHERE o.sink = %(sink)s AND o.feed = %(feed)s

-- name: stored
-- The next stored documents in key order, by their digests. A receiver may have them on one line.
SELECT {key}, s.revision, s.deleted, pg_catalog.encode(s.hash, 'hex'), pg_catalog.sha256(pg_catalog.convert_to(
           pg_catalog.translate(s.document::pg_catalog.text, E'\n\r', '  '), 'UTF8')),
       pg_catalog.json_build_array({key_texts})::pg_catalog.text
FROM cdc.{feed} AS s
WHERE true {after}
ORDER BY {stored_keys}
LIMIT {limit}

-- name: documents
-- Some documents with their revisions, by their keys as JSON.
SELECT w.key, s.revision, s.deleted, s.document::pg_catalog.text
FROM pg_catalog.unnest(%(keys)s::pg_catalog.text[]) AS w (key)
CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::cdc.{feed}, w.key::pg_catalog.jsonb) AS k
CROSS JOIN LATERAL (SELECT s.* FROM cdc.{feed} AS s WHERE {same_key} OFFSET 0) AS s

-- name: renew
-- Gives some documents new revisions, so that receivers take them again: also a receiver that has changed its copy. A key
-- that only a receiver has gets a tombstone. The entity of a tombstone is never looked up, so any entity serves.
WITH wanted AS MATERIALIZED (
    SELECT k.*, pg_catalog.nextval({revision}::pg_catalog.regclass) AS next
    FROM pg_catalog.unnest(%(keys)s::pg_catalog.text[]) AS w (key)
    CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::cdc.{feed}, w.key::pg_catalog.jsonb) AS k
), known AS MATERIALIZED (
    SELECT s.revision AS previous, s.deleted, k.next, {stored_keys}
    FROM wanted AS k JOIN cdc.{feed} AS s ON {same_key}
), renewed AS (
    UPDATE cdc.{feed} AS s SET revision = k.next, modified_at = pg_catalog.clock_timestamp()
    FROM known AS k WHERE {same_key}
), buried AS (
    INSERT INTO cdc.{feed} ({identity}, revision, deleted, captured_at, modified_at)
    SELECT {identity_values}, k.next, true, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp()
    FROM wanted AS k
    WHERE NOT EXISTS (SELECT FROM cdc.{feed} AS s WHERE {same_key})
    RETURNING revision, {keys}
), logged AS (
    INSERT INTO cdc.{log} (revision, previous, {keys}, changed)
    SELECT k.next, k.previous, {known_keys}, CASE WHEN k.deleted THEN '{{}}' ELSE {fields} END FROM known AS k
    UNION ALL
    SELECT b.revision, NULL, {buried_keys}, '{{}}' FROM buried AS b
)
SELECT pg_catalog.count(*), pg_catalog.max(next) FROM wanted

-- name: renewed
-- Ends such a transaction: every writer of a feed changes its state row.
UPDATE cdc.feed_state
SET generation = generation + 1, revision = GREATEST(revision, %(revision)s::pg_catalog.int8)
WHERE feed = %(feed)s

-- name: stored_after
-- Only what was stored or deleted since a moment.
AND s.modified_at >= %(since)s::pg_catalog.timestamptz

-- name: claim
-- Takes a feed or a receiver for verification, unless another daemon works on it or its last round ended a moment ago.
INSERT INTO cdc.verification AS v (feed, sink, claimed_by, claimed_until, began_at)
SELECT f.feed, %(sink)s, %(daemon)s, pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s),
       pg_catalog.clock_timestamp()
FROM cdc.feed_state AS f WHERE f.feed = %(feed)s AND f.cursor IS NOT NULL
ON CONFLICT (feed, sink) DO UPDATE
SET claimed_by = EXCLUDED.claimed_by, claimed_until = EXCLUDED.claimed_until,
    began_at = COALESCE(v.began_at, EXCLUDED.began_at),
    -- A receiver is read from its beginning again.
    documents = CASE WHEN v.sink = '' THEN v.documents ELSE 0 END, records = 0,
    differences = CASE WHEN v.sink = '' THEN v.differences ELSE 0 END
WHERE (v.claimed_by = EXCLUDED.claimed_by OR v.claimed_until IS NULL OR v.claimed_until < pg_catalog.clock_timestamp())
  AND (v.began_at IS NOT NULL OR v.finished_at IS NULL
       OR v.finished_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(rest_seconds)s))
RETURNING v.position

-- name: go_on_from
-- Notes how far a round has come; no row if another daemon has taken it over.
UPDATE cdc.verification
SET position = COALESCE(%(position)s::pg_catalog.text[], position), documents = documents + %(documents)s,
    records = records + %(records)s,
    differences = differences + %(differences)s, waiting = %(waiting)s,
    claimed_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE feed = %(feed)s AND sink = %(sink)s AND claimed_by = %(daemon)s
RETURNING true

-- name: finish_round
-- Ends a round; the next one begins at the beginning.
UPDATE cdc.verification
SET position = NULL, began_at = NULL, finished_at = pg_catalog.clock_timestamp(), failure = NULL,
    last_seconds = EXTRACT(epoch FROM pg_catalog.clock_timestamp() - began_at), last_documents = documents,
    last_differences = differences, documents = 0, records = 0, differences = 0, claimed_by = NULL,
    claimed_until = NULL
WHERE feed = %(feed)s AND sink = %(sink)s AND claimed_by = %(daemon)s
RETURNING last_documents, last_differences, waiting, last_seconds

-- name: fail_round
-- Gives a feed or receiver up for a while, for every daemon. The round over a feed goes on from the same place. Without a
-- failure it only waits for its next turn.
UPDATE cdc.verification
SET failure = %(failure)s, documents = CASE WHEN sink = '' THEN documents ELSE 0 END, records = 0,
    differences = CASE WHEN sink = '' THEN differences ELSE 0 END, claimed_by = NULL,
    claimed_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(rest_seconds)s)
WHERE feed = %(feed)s AND sink = %(sink)s AND claimed_by = %(daemon)s

-- name: release
-- A daemon that stops leaves its round to another one, or to its next life.
UPDATE cdc.verification SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by = %(daemon)s

-- name: coverage
-- What was verified when, by feed and receiver.
SELECT v.feed, NULLIF(v.sink, ''), v.documents, v.records, v.differences, v.waiting, v.began_at, v.finished_at, v.last_seconds,
       v.last_documents, v.last_differences, v.failure
FROM cdc.verification AS v
ORDER BY v.feed, v.sink
