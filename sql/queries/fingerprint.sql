-- name: fingerprint
-- A digest of everything in the catalogue that a feed depends on. Names and types don't show what fires no
-- trigger and changes documents all the same: ALTER TYPE ... USING, ATTACH PARTITION, DISABLE TRIGGER, a new
-- function body. xmin of the catalogue's rows does; ANALYZE, VACUUM FULL and CREATE INDEX do not move it.
WITH RECURSIVE tree AS (
    SELECT pg_catalog.unnest(%(relations)s::pg_catalog.oid[]) AS relation, '0'::pg_catalog.xid AS link
    UNION
    SELECT i.inhrelid, i.xmin FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.relation
)
SELECT pg_catalog.md5(pg_catalog.concat_ws('|',
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', c.oid, c.relname, c.relnamespace, c.relrowsecurity, c.relforcerowsecurity, tree.link), ';' ORDER BY c.oid)
     FROM tree JOIN pg_catalog.pg_class AS c ON c.oid = tree.relation),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', a.attrelid, a.attname, a.xmin), ';' ORDER BY a.attrelid, a.attnum)
     FROM ROWS FROM (pg_catalog.unnest(%(column_relations)s::pg_catalog.oid[]), pg_catalog.unnest(%(columns)s::pg_catalog.text[])) AS w (relation, name)
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = w.relation AND a.attname = w.name),
    -- A table that is read whole (SELECT *): a new column changes its documents.
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', a.attrelid, a.attnum), ';' ORDER BY a.attrelid, a.attnum)
     FROM pg_catalog.pg_attribute AS a
     WHERE a.attrelid = ANY (%(whole)s::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', t.tgrelid, t.tgname, t.tgenabled, t.xmin), ';' ORDER BY t.tgrelid, t.tgname)
     FROM tree JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = tree.relation
     WHERE t.tgname LIKE 'cdc\_capture\_%%'),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', p.polrelid, p.xmin), ';' ORDER BY p.oid)
     FROM tree JOIN pg_catalog.pg_policy AS p ON p.polrelid = tree.relation),
    -- A view that was replaced, renamed, moved to another schema, or given other column names or rights.
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', c.oid, c.relname, c.relnamespace, c.relowner, c.reloptions, r.xmin,
                (SELECT pg_catalog.string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0)), ';' ORDER BY c.oid)
     FROM pg_catalog.pg_class AS c
     LEFT JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = c.oid AND r.ev_type = '1'
     WHERE c.oid = ANY (%(views)s::pg_catalog.oid[])),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', p.oid, p.xmin), ';' ORDER BY p.oid)
     FROM pg_catalog.pg_proc AS p WHERE p.oid = ANY (%(functions)s::pg_catalog.oid[])),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', e.oid, e.xmin), ';' ORDER BY e.oid)
     FROM pg_catalog.pg_enum AS e WHERE e.enumtypid IN (
         SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
         WHERE a.attrelid = ANY (%(relations)s::pg_catalog.oid[]) AND a.attnum > 0)),
    -- A capture function whose body is not what was installed.
    (SELECT pg_catalog.string_agg(s.table_name, ';' ORDER BY s.schema_name, s.table_name)
     FROM cdc.source AS s
     LEFT JOIN pg_catalog.pg_proc AS p
       ON p.pronamespace = 'cdc'::pg_catalog.regnamespace AND p.proname = s.function
     WHERE s.relation = ANY (%(relations)s::pg_catalog.oid[]) AND s.body IS DISTINCT FROM pg_catalog.md5(p.prosrc))
))
