-- name: entities
-- How many documents and entities a query yields, and of the entities some runs, evenly spread over their order:
-- neighbours are recomputed together, too. Each run stands in the middle of its stretch: in an order that means
-- something (the oldest product first), runs at the beginning of every stretch would be too old all of them.
WITH entities AS MATERIALIZED (
    SELECT {named}, pg_catalog.count(*) AS documents,
           pg_catalog.row_number() OVER (ORDER BY {entities}) OPERATOR(pg_catalog.-) 1 AS place
    FROM (
{query}
    ) AS q
    GROUP BY {entities}
), total AS MATERIALIZED (
    SELECT pg_catalog.count(*) AS entities, COALESCE(pg_catalog.sum(e.documents), 0)::pg_catalog.int8 AS documents,
           LEAST(%(runs)s::pg_catalog.int8,
                 (pg_catalog.count(*) OPERATOR(pg_catalog.+) %(run_entities)s::pg_catalog.int8 OPERATOR(pg_catalog.-) 1)
                 OPERATOR(pg_catalog./) %(run_entities)s::pg_catalog.int8) AS runs
    FROM entities AS e
), stretch AS MATERIALIZED (
    SELECT t.documents, t.entities,
           (t.entities OPERATOR(pg_catalog.+) t.runs OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) GREATEST(t.runs, 1)
           AS length
    FROM total AS t
)
SELECT s.documents, s.entities, r.run, r.entity
FROM stretch AS s
LEFT JOIN LATERAL (
    SELECT e.place OPERATOR(pg_catalog./) s.length AS run, ARRAY[{texts}] AS entity
    FROM entities AS e
    CROSS JOIN LATERAL (
        SELECT (e.place OPERATOR(pg_catalog.%%) s.length) OPERATOR(pg_catalog.-) (
            GREATEST(s.length OPERATOR(pg_catalog.-) %(run_entities)s::pg_catalog.int8, 0) OPERATOR(pg_catalog./) 2
        )
    ) AS p (place)
    WHERE p.place OPERATOR(pg_catalog.>=) 0 AND p.place OPERATOR(pg_catalog.<) %(run_entities)s::pg_catalog.int8
    ORDER BY e.place
) AS r ON true

-- name: documents
-- The reading half of a recomputation: documents of some entities, made and hashed as there. Only their sizes come
-- back, counted as batches count them: the document and its key.
WITH hashed_documents AS MATERIALIZED (
{hashed_documents}
)
SELECT COALESCE(pg_catalog.array_agg(
           pg_catalog.octet_length(d.document::pg_catalog.text)
           OPERATOR(pg_catalog.+) pg_catalog.octet_length(d.key::pg_catalog.text)
       ), '{{}}'), pg_catalog.count(d.hash)
FROM hashed_documents AS d
