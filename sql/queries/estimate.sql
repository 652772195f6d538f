-- name: entities
-- How many documents and entities a query yields, and of the entities some runs, evenly spread over their order:
-- neighbours are recomputed together, too. Each run stands in the middle of its stretch: in an order that means
-- something (the oldest product first), runs at the beginning of every stretch would be too old all of them.
WITH entities AS MATERIALIZED (
    SELECT {named}, pg_catalog.count(*) AS documents, pg_catalog.row_number() OVER (ORDER BY {entities}) - 1 AS place
    FROM (
{query}
    ) AS q
    GROUP BY {entities}
), total AS MATERIALIZED (
    SELECT pg_catalog.count(*) AS entities, COALESCE(pg_catalog.sum(e.documents), 0)::pg_catalog.int8 AS documents,
           LEAST(%(runs)s::pg_catalog.int8,
                 (pg_catalog.count(*) + %(run_entities)s::pg_catalog.int8 - 1) / %(run_entities)s::pg_catalog.int8) AS runs
    FROM entities AS e
), stretch AS MATERIALIZED (
    SELECT t.documents, t.entities, (t.entities + t.runs - 1) / GREATEST(t.runs, 1) AS length FROM total AS t
)
SELECT s.documents, s.entities, r.run, r.entity
FROM stretch AS s
LEFT JOIN LATERAL (
    SELECT e.place / s.length AS run, ARRAY[{texts}] AS entity
    FROM entities AS e
    WHERE e.place %% s.length - GREATEST(s.length - %(run_entities)s::pg_catalog.int8, 0) / 2
          BETWEEN 0 AND %(run_entities)s::pg_catalog.int8 - 1
    ORDER BY e.place
) AS r ON true

-- name: documents
-- The reading half of a recomputation: documents of some entities, made and hashed as there. Only their sizes come
-- back, counted as batches count them: the document and its key.
WITH digested AS MATERIALIZED (
{digested}
)
SELECT COALESCE(pg_catalog.array_agg(
           pg_catalog.octet_length(d.document::pg_catalog.text) + pg_catalog.octet_length(d.key::pg_catalog.text)
       ), '{{}}'), pg_catalog.count(d.hash)
FROM digested AS d
