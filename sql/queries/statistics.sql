-- name: rows
-- The estimated number of rows of tables; negative if it is unknown. For a partitioned table the sum of its leaves,
-- unless it was analysed itself.
SELECT c.oid,
       CASE WHEN c.relkind <> 'p' OR c.reltuples >= 0 THEN c.reltuples::pg_catalog.float8
            ELSE (SELECT CASE WHEN pg_catalog.min(l.reltuples) < 0 THEN -1
                              ELSE COALESCE(pg_catalog.sum(l.reltuples::pg_catalog.float8), 0) END
                  FROM pg_catalog.pg_partition_tree(c.oid) AS t
                  JOIN pg_catalog.pg_class AS l ON l.oid = t.relid
                  WHERE t.isleaf) END
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[])

-- name: columns
-- Statistics of their columns; for a table with children, those of all together.
SELECT DISTINCT ON (c.oid, s.attname)
       c.oid, s.attname, s.n_distinct::pg_catalog.float8, s.null_frac::pg_catalog.float8,
       s.most_common_freqs::pg_catalog.float8[]
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname
WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[])
ORDER BY c.oid, s.attname, s.inherited DESC

-- name: entities
-- Plans the entities of a feed; the number of rows at its top is the planner's guess of how many there are.
EXPLAIN (FORMAT JSON)
SELECT DISTINCT {entities} FROM (
{query}
) AS q
