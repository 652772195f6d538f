-- name: objects
-- Bytes of each table in schema cdc with its indexes and what is stored out of line; segments count as their parent.
SELECT COALESCE(p.relname, c.relname)::pg_catalog.text,
       pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))::pg_catalog.int8
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid
LEFT JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent
WHERE c.relnamespace = pg_catalog.to_regnamespace('cdc') AND c.relkind = 'r'
GROUP BY 1
ORDER BY 2 DESC, 1
