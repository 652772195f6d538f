-- name: fingerprint
-- A digest of everything in the catalogue that a feed depends on, and which capture functions it vouches for. Names
-- and types don't show what fires no trigger and changes documents all the same: ALTER TYPE ... USING, ATTACH
-- PARTITION, DISABLE TRIGGER, a new function body. xmin of the catalogue's rows does; ANALYZE, VACUUM FULL and
-- CREATE INDEX do not move it (but that of pg_class).
-- It is read in every pass. As plain joins the planner reads all of pg_class, pg_attribute and pg_trigger, for sixty
-- tables 6 ms; OFFSET 0 has each row looked up by its index. Nor is a capture function's body hashed again that was
-- found intact before, as long as its row and that of its source are the same.
WITH RECURSIVE tree AS (
    SELECT pg_catalog.unnest(%(relations)s::pg_catalog.oid[]) AS relation, '0'::pg_catalog.xid AS link
    UNION
    SELECT i.inhrelid, i.xmin FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.relation
), captured AS MATERIALIZED (
    SELECT s.table_name, s.body, s.xmin AS source_xmin, p.oid AS function, p.xmin AS function_xmin
    FROM cdc.source AS s
    LEFT JOIN LATERAL (
        SELECT p.oid, p.xmin FROM pg_catalog.pg_proc AS p
        WHERE p.proname = s.function AND p.pronamespace = 'cdc'::pg_catalog.regnamespace OFFSET 0
    ) AS p ON true
    WHERE s.relation = ANY (%(relations)s::pg_catalog.oid[])
), capture AS MATERIALIZED (
    SELECT v.versions,
           -- A capture function whose body is not what was installed.
           CASE WHEN v.versions IS DISTINCT FROM %(intact)s::pg_catalog.text THEN (
               SELECT pg_catalog.string_agg(c.table_name, ';' ORDER BY c.function, c.table_name)
               FROM captured AS c LEFT JOIN pg_catalog.pg_proc AS p ON p.oid = c.function
               WHERE c.body IS DISTINCT FROM pg_catalog.md5(p.prosrc)
           ) END AS tampered
    FROM (
        SELECT pg_catalog.md5(pg_catalog.array_agg(ROW(c.source_xmin, c.function, c.function_xmin) ORDER BY c.function)::pg_catalog.text) AS versions
        FROM captured AS c
    ) AS v
)
SELECT pg_catalog.md5(pg_catalog.concat_ws('|',
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', c.oid, c.relname, c.relnamespace, c.relrowsecurity, c.relforcerowsecurity, tree.link), ';' ORDER BY c.oid)
     FROM tree CROSS JOIN LATERAL (SELECT c.* FROM pg_catalog.pg_class AS c WHERE c.oid = tree.relation OFFSET 0) AS c),
    -- By name: a column that is not there any more leaves a NULL in its place.
    (SELECT pg_catalog.array_agg(a.xmin ORDER BY w.place)::pg_catalog.text
     FROM ROWS FROM (pg_catalog.unnest(%(column_relations)s::pg_catalog.oid[]), pg_catalog.unnest(%(columns)s::pg_catalog.name[]))
         WITH ORDINALITY AS w (relation, name, place)
     LEFT JOIN LATERAL (
         SELECT a.xmin FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = w.relation AND a.attname = w.name OFFSET 0
     ) AS a ON true),
    -- A table that is read whole (SELECT *): a new column changes its documents.
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', a.attrelid, a.attnum), ';' ORDER BY a.attrelid, a.attnum)
     FROM pg_catalog.pg_attribute AS a
     WHERE a.attrelid = ANY (%(whole)s::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT pg_catalog.array_agg(ROW(t.oid, t.xmin) ORDER BY t.oid)::pg_catalog.text
     FROM tree
     CROSS JOIN LATERAL (
         SELECT t.oid, t.xmin FROM pg_catalog.pg_trigger AS t
         WHERE t.tgrelid = tree.relation AND t.tgname LIKE 'cdc\_capture\_%%'
           AND t.tgfoid = ANY (ARRAY(SELECT captured.function FROM captured)) OFFSET 0
     ) AS t),
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
    -- A cast or a CHECK of a domain that was added, and who owns a type: its owner may add either at any time.
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', t.oid, t.typowner, t.typnotnull,
                (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', k.oid, k.castfunc), ',' ORDER BY k.oid) FROM pg_catalog.pg_cast AS k WHERE k.castsource = t.oid),
                (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', d.oid, d.xmin), ',' ORDER BY d.oid) FROM pg_catalog.pg_constraint AS d WHERE d.contypid = t.oid)), ';' ORDER BY t.oid)
     FROM pg_catalog.pg_type AS t WHERE t.oid = ANY (%(types)s::pg_catalog.oid[])),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', o.oid, o.xmin), ';' ORDER BY o.oid)
     FROM pg_catalog.pg_operator AS o WHERE o.oid = ANY (%(operators)s::pg_catalog.oid[])),
    c.tampered
)), CASE WHEN c.tampered IS NULL THEN c.versions END
FROM capture AS c
