-- name: sending
-- Before a send: from now on the target may have these documents. Returns the documents that it may have had, by key.
-- After many sends without an answer nothing is known any more, so that the table stays bounded.
WITH sent AS (
    SELECT w.key, w.document, {id} AS id
    FROM UNNEST(%(keys)s::pg_catalog.text[], %(documents)s::pg_catalog.text[]) AS w (key, document)
), written AS (
    INSERT INTO cdc.delivered_document AS d (sink, feed, id, key, documents)
    SELECT %(sink)s, %(feed)s, w.id, w.key::pg_catalog.jsonb, ARRAY[NULL, w.document] FROM sent AS w
    ON CONFLICT (sink, feed, id) DO UPDATE
    SET documents = CASE
        WHEN pg_catalog.cardinality(d.documents) >= %(most)s THEN EXCLUDED.documents
        WHEN d.documents[pg_catalog.cardinality(d.documents)] IS NOT DISTINCT FROM EXCLUDED.documents[2] THEN d.documents
        ELSE pg_catalog.array_append(d.documents, EXCLUDED.documents[2])
    END
)
SELECT w.key, d.documents
FROM sent AS w
JOIN cdc.delivered_document AS d ON d.sink = %(sink)s AND d.feed = %(feed)s AND d.id = w.id

-- name: of_key
-- What each sink may have of one document, for sinks that get patches.
SELECT d.sink, d.documents
FROM (SELECT %(key)s::pg_catalog.text AS key) AS w
JOIN cdc.delivered_document AS d ON d.sink = ANY (%(sinks)s) AND d.feed = %(feed)s AND d.id = {id}

-- name: taken
-- After the answer: the target has exactly these documents.
UPDATE cdc.delivered_document AS d
SET documents = ARRAY[w.document]
FROM UNNEST(%(keys)s::pg_catalog.text[], %(documents)s::pg_catalog.text[]) AS w (key, document)
WHERE d.sink = %(sink)s AND d.feed = %(feed)s AND d.id = {id}

-- name: gone
-- After the answer: the target has none of these documents.
DELETE FROM cdc.delivered_document
WHERE sink = %(sink)s AND feed = %(feed)s
  AND id = ANY (ARRAY(SELECT {id} FROM UNNEST(%(keys)s::pg_catalog.text[]) AS w (key)))

-- name: forget_of
-- Forgets the documents of a feed at a sink, before a full snapshot delivers them again.
DELETE FROM cdc.delivered_document WHERE sink = %(sink)s AND feed = %(feed)s

-- name: forget
-- Forgets the documents of a feed at a sink that was removed.
DELETE FROM cdc.delivered_document WHERE sink = {sink} AND feed = {feed}
