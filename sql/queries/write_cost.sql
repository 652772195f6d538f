-- name: measured_by_server
-- What the capture functions took, where `track_functions` is on: statements, and milliseconds in all.
SELECT s.schema_name, s.table_name, f.calls, f.total_time
FROM cdc.source AS s
JOIN pg_catalog.pg_stat_user_functions AS f ON f.schemaname = 'cdc' AND f.funcname = s.function
ORDER BY 1, 2

-- name: columns
-- Columns of a captured table whose change counts and that are no part of an index, with the category of their type.
SELECT a.attname::pg_catalog.text, t.typcategory::pg_catalog.text
FROM cdc.source AS s
JOIN pg_catalog.pg_attribute AS a
  ON a.attrelid = s.relation AND a.attname::pg_catalog.text = ANY (s.columns) AND NOT a.attisdropped AND a.attgenerated = ''
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE s.schema_name = %(schema)s AND s.table_name = %(table)s AND t.typcategory = ANY ('{{N,S,B}}')
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = s.relation AND a.attnum = ANY (i.indkey::pg_catalog.int2[])
  )
ORDER BY a.attnum

-- name: update_one
-- One row is written, and PostgreSQL tells how long each trigger took.
EXPLAIN (ANALYZE, FORMAT JSON)
UPDATE {table} AS t SET {column} = {value} WHERE t.ctid = (SELECT s.ctid FROM {table} AS s WHERE {filled} LIMIT 1)
