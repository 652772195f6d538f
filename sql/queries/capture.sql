-- name: types
-- For each type, as format_type writes it: its schema-qualified internal name (bigint: pg_catalog.int8), and whether
-- an array of its texts can be converted at once into an array of the type. That is not so for arrays (there are no
-- arrays of arrays), for extension types with another delimiter, and for composite types and domains over them (C),
-- because UNNEST makes several columns of a composite value.
SELECT w.spelled, pg_catalog.format('%%I.%%I', n.nspname, t.typname),
       t.typarray OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND t.typdelim OPERATOR(pg_catalog.=) ','::pg_catalog."char"
       AND t.typcategory OPERATOR(pg_catalog.<>) 'C'::pg_catalog."char"
FROM pg_catalog.unnest(%(types)s::pg_catalog.text[]) AS w (spelled)
JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) w.spelled::pg_catalog.regtype::pg_catalog.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace

-- name: leaves
-- Partitions and inheritance children. Statement triggers of the parent don't fire for statements that name them.
WITH RECURSIVE tree AS (
    SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = %(relation)s
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.inhrelid
)
SELECT n.nspname, c.relname
FROM tree
JOIN pg_catalog.pg_class AS c ON c.oid = tree.inhrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
ORDER BY 1, 2

-- name: above
-- The tables of which a table is a partition, or from which it inherits. A statement that names one of these fires
-- its triggers only.
WITH RECURSIVE above AS (
    SELECT i.inhparent FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = %(relation)s
    UNION
    SELECT i.inhparent FROM above JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = above.inhparent
)
SELECT n.nspname, c.relname, c.relkind = 'p',
       -- The columns by which rows are distributed; NULL among them stands for an expression.
       ARRAY(SELECT a.attname::pg_catalog.text
             FROM pg_catalog.unnest(p.partattrs::pg_catalog.int2[]) AS k (number)
             LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number > 0)
FROM above
JOIN pg_catalog.pg_class AS c ON c.oid = above.inhparent
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = c.oid
WHERE c.relkind IN ('r', 'p')
ORDER BY 1, 2

-- name: virtual_inputs
-- Virtual generated columns (PostgreSQL 18) are NULL in transition tables. The columns from which they are computed
-- replace them.
SELECT a.attname, s.attname
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
JOIN pg_catalog.pg_depend AS d
  ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = e.oid
 AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = a.attrelid
 AND d.refobjsubid > 0 AND d.refobjsubid <> a.attnum
JOIN pg_catalog.pg_attribute AS s ON s.attrelid = a.attrelid AND s.attnum = d.refobjsubid
WHERE a.attrelid = %(relation)s AND a.attgenerated = 'v' AND NOT a.attisdropped

-- name: schema_exists
-- Whether the daemon's schema is installed.
SELECT pg_catalog.to_regclass('cdc.migration') IS NOT NULL

-- name: installed_sources
-- The source tables that earlier installs recorded. Before migration 3 they have no filters, before 21 no context.
SELECT s.schema_name, s.table_name, s.links, s.columns, s.body,
       NULLIF(pg_catalog.to_jsonb(s.*) -> 'filters', 'null'), s.changelog, s.function,
       COALESCE((pg_catalog.to_jsonb(s.*) ->> 'context')::bool, false)
FROM cdc.source AS s ORDER BY 1, 2

-- name: recorded_names
-- The changelog and the capture function of each source table. Earlier versions could give the same ones to two
-- tables.
SELECT s.schema_name, s.table_name, s.changelog, s.function
FROM cdc.source AS s
WHERE NOT EXISTS (
    SELECT FROM cdc.source AS o
    WHERE (o.changelog = s.changelog OR o.function = s.function)
      AND ROW(o.schema_name, o.table_name) <> ROW(s.schema_name, s.table_name)
)

-- name: installed_functions
-- The capture functions with their owners and the digests of their bodies. A body that was replaced by hand has
-- another digest.
SELECT p.proname, pg_catalog.md5(p.prosrc), pg_catalog.pg_get_userbyid(p.proowner)
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'cdc'::pg_catalog.regnamespace AND p.proname LIKE 'capture\_%'

-- name: unwritable
-- Changelogs to which a role can't add entries, so that every write of their source tables would fail. This happens
-- after a restore without privileges, or into a database of another name. (The changelog may not exist yet.)
SELECT s.changelog
FROM cdc.source AS s
LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = %(owner)s
WHERE r.oid IS NULL OR EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'cdc'::pg_catalog.regnamespace
      AND (c.relname IN (s.changelog || '_0', s.changelog || '_1')
           AND NOT pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT')
           OR c.relname = s.changelog || '_version_id_seq'
           AND NOT pg_catalog.has_sequence_privilege(r.oid, c.oid, 'USAGE'))
)

-- name: installed_triggers
-- Capture triggers on any table, whether they always fire, and which function they call. Any role may give a trigger
-- such a name: it is ours if it calls a function of schema cdc.
SELECT n.nspname, c.relname, t.tgname, t.tgenabled OPERATOR(pg_catalog.=) 'A'::pg_catalog."char", p.proname
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
WHERE t.tgname OPERATOR(pg_catalog.~~) 'cdc\_capture\_%' AND NOT t.tgisinternal
  AND p.pronamespace OPERATOR(pg_catalog.=) 'cdc'::pg_catalog.regnamespace::pg_catalog.oid
ORDER BY 1, 2, 3

-- name: stray_triggers
-- Capture triggers on tables that are no longer a source, because another table has taken the name. If no table has
-- the name, a second renaming may bring the source back, so its triggers stay.
WITH RECURSIVE tree AS (
    SELECT c.oid AS relation, s.function
    FROM cdc.source AS s
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schema_name
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.table_name
    UNION
    SELECT i.inhrelid, tree.function FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.relation
), above AS (
    SELECT c.oid AS relation, s.function
    FROM cdc.source AS s
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schema_name
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.table_name
    UNION
    SELECT i.inhparent, above.function FROM above JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = above.relation
), captured AS (
    SELECT tree.relation, tree.function FROM tree UNION SELECT above.relation, above.function FROM above
)
SELECT n.nspname, c.relname, pg_catalog.array_agg(t.tgname::pg_catalog.text ORDER BY t.tgname)
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
WHERE t.tgname LIKE 'cdc\_capture\_%' AND NOT t.tgisinternal
  AND p.pronamespace = 'cdc'::pg_catalog.regnamespace
  AND EXISTS (SELECT FROM captured WHERE captured.function = p.proname)
  AND NOT EXISTS (SELECT FROM captured WHERE captured.function = p.proname AND captured.relation = t.tgrelid)
GROUP BY 1, 2
ORDER BY 1, 2

-- name: installed_links
-- The columns of every changelog, with their types.
SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, -1)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'cdc'::pg_catalog.regnamespace AND c.relkind = 'r' AND c.relname LIKE 'changelog\_%'

-- name: record_source
-- Records what was installed on a source table.
INSERT INTO cdc.source (schema_name, table_name, relation, changelog, function, links, columns, filters, body, context)
VALUES ({schema}, {table}, {relation}, {changelog}, {function}, {links}, {columns}, {filters}, {body}, {context})
ON CONFLICT (schema_name, table_name) DO UPDATE
SET relation = EXCLUDED.relation, changelog = EXCLUDED.changelog,
    function = EXCLUDED.function, links = EXCLUDED.links, columns = EXCLUDED.columns, filters = EXCLUDED.filters,
    body = EXCLUDED.body, context = EXCLUDED.context, installed_at = pg_catalog.now()

-- name: invalidate_readers
-- Feeds that read this table need a resync, because its changes may not have been captured.
UPDATE cdc.feed_state SET cursor = NULL, generation = generation + 1 WHERE {table} = ANY (sources)

-- name: forget_source
-- Forgets a table that is no longer captured.
DELETE FROM cdc.source WHERE schema_name = {schema} AND table_name = {table}

-- name: writers
-- Transactions that hold a lock which every write of a table takes. Prepared transactions have no pid.
SELECT DISTINCT l.virtualtransaction, l.pid
FROM pg_catalog.pg_locks AS l
WHERE l.locktype = 'relation' AND l.granted
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND l.relation = ANY (%(relations)s::oid[])
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()

-- name: relation_tree
-- The tables, and their partitions and children that can be written directly.
WITH RECURSIVE tree AS (
    SELECT pg_catalog.unnest(%(relations)s::oid[]) AS relation
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.relation
)
SELECT pg_catalog.array_agg(relation) FROM tree
