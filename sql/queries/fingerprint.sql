-- name: parts
-- All facts in the catalogue on which a feed depends, a row for each, and the capture functions that are intact. Some
-- changes fire no trigger, leave names and types alone, and still change documents: ALTER TYPE ... USING, ATTACH
-- PARTITION, DISABLE TRIGGER, a new function body. xmin of the catalogue's rows shows them. ANALYZE, VACUUM FULL and
-- CREATE INDEX change xmin only in pg_class. Every pass reads the facts. With plain joins the planner reads all of
-- pg_class, pg_attribute and pg_trigger (6 ms for sixty tables); with OFFSET 0 it looks each row up by its index. The
-- body of a capture function that was intact before is not hashed again while its row and its source's row are the
-- same.
WITH RECURSIVE tree AS (
    SELECT pg_catalog.unnest(%(relations)s::pg_catalog.oid[]) AS relation, '0'::pg_catalog.xid AS link
    UNION
    SELECT i.inhrelid, i.xmin FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.relation
), above AS (
    SELECT i.inhparent AS relation, i.xmin AS link
    FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = ANY (%(relations)s::pg_catalog.oid[])
    UNION
    SELECT i.inhparent, i.xmin FROM above JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = above.relation
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
           -- A capture function whose body differs from the installed one.
           CASE WHEN v.versions IS DISTINCT FROM %(intact)s::pg_catalog.text THEN (
               SELECT pg_catalog.string_agg(c.table_name, ';' ORDER BY c.function, c.table_name)
               FROM captured AS c LEFT JOIN pg_catalog.pg_proc AS p ON p.oid = c.function
               WHERE c.body IS DISTINCT FROM pg_catalog.md5(p.prosrc)
           ) END AS tampered
    FROM (
        SELECT pg_catalog.md5(pg_catalog.array_agg(ROW(c.source_xmin, c.function, c.function_xmin) ORDER BY c.function)::pg_catalog.text) AS versions
        FROM captured AS c
    ) AS v
), part (kind, class, object, state) AS (
    SELECT 'table', 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid,
           pg_catalog.concat_ws(',', c.relname, c.relnamespace, c.relrowsecurity, c.relforcerowsecurity, tree.link)
    FROM tree
    CROSS JOIN LATERAL (SELECT c.* FROM pg_catalog.pg_class AS c WHERE c.oid = tree.relation OFFSET 0) AS c
    UNION ALL
    -- The tables of which a source table is a partition, or from which it inherits: statements may name these.
    SELECT 'parent table', 'pg_catalog.pg_class'::pg_catalog.regclass, above.relation, above.link::pg_catalog.text
    FROM above
    UNION ALL
    -- By the column's name: a dropped column leaves a NULL.
    SELECT 'columns of table', 'pg_catalog.pg_class'::pg_catalog.regclass, w.relation,
           pg_catalog.array_agg(a.xmin ORDER BY w.place)::pg_catalog.text
    FROM ROWS FROM (pg_catalog.unnest(%(column_relations)s::pg_catalog.oid[]), pg_catalog.unnest(%(columns)s::pg_catalog.name[]))
         WITH ORDINALITY AS w (relation, name, place)
    LEFT JOIN LATERAL (
        SELECT a.xmin FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = w.relation AND a.attname = w.name OFFSET 0
    ) AS a ON true
    GROUP BY w.relation
    UNION ALL
    -- A table whose whole rows are read (SELECT *): a new column changes documents.
    SELECT 'columns of table', 'pg_catalog.pg_class'::pg_catalog.regclass, a.attrelid,
           pg_catalog.string_agg(a.attnum::pg_catalog.text, ',' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = ANY (%(whole)s::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    GROUP BY a.attrelid
    UNION ALL
    SELECT 'capture triggers of table', 'pg_catalog.pg_class'::pg_catalog.regclass, tree.relation,
           pg_catalog.array_agg(ROW(t.oid, t.xmin) ORDER BY t.oid)::pg_catalog.text
    FROM (SELECT tree.relation FROM tree UNION SELECT above.relation FROM above) AS tree
    CROSS JOIN LATERAL (
        SELECT t.oid, t.xmin FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = tree.relation AND t.tgname LIKE 'cdc\_capture\_%%'
          AND t.tgfoid = ANY (ARRAY(SELECT captured.function FROM captured)) OFFSET 0
    ) AS t
    GROUP BY tree.relation
    UNION ALL
    SELECT 'capture functions', 'pg_catalog.pg_namespace'::pg_catalog.regclass, 'cdc'::pg_catalog.regnamespace, c.tampered
    FROM capture AS c
    WHERE c.tampered IS NOT NULL
    UNION ALL
    SELECT 'policies of table', 'pg_catalog.pg_class'::pg_catalog.regclass, p.polrelid,
           pg_catalog.concat_ws(',', p.oid, p.xmin)
    FROM tree JOIN pg_catalog.pg_policy AS p ON p.polrelid = tree.relation
    UNION ALL
    -- Views: replaced, renamed, moved to another schema, or with other column names or rights.
    SELECT 'view', 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid,
           pg_catalog.concat_ws(',', c.relname, c.relnamespace, c.relowner, c.reloptions, r.xmin,
               (SELECT pg_catalog.string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0))
    FROM pg_catalog.pg_class AS c
    LEFT JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = c.oid AND r.ev_type = '1'
    WHERE c.oid = ANY (%(views)s::pg_catalog.oid[])
    UNION ALL
    SELECT 'function', 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.xmin::pg_catalog.text
    FROM pg_catalog.pg_proc AS p WHERE p.oid = ANY (%(functions)s::pg_catalog.oid[])
    UNION ALL
    -- Types: labels, attributes, casts, CHECKs of domains, and the owner, who may add a cast or a CHECK at any time.
    SELECT 'type', 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid,
           pg_catalog.concat_ws(',', t.typname, t.typnamespace, t.typowner, t.typnotnull,
               (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', e.oid, e.xmin), ',' ORDER BY e.oid) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid),
               (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', a.attnum, a.xmin), ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0),
               (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', k.oid, k.castfunc), ',' ORDER BY k.oid) FROM pg_catalog.pg_cast AS k WHERE k.castsource = t.oid),
               (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', d.oid, d.xmin), ',' ORDER BY d.oid) FROM pg_catalog.pg_constraint AS d WHERE d.contypid = t.oid))
    FROM pg_catalog.pg_type AS t WHERE t.oid = ANY (%(types)s::pg_catalog.oid[])
    UNION ALL
    SELECT 'operator', 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, o.xmin::pg_catalog.text
    FROM pg_catalog.pg_operator AS o WHERE o.oid = ANY (%(operators)s::pg_catalog.oid[])
    UNION ALL
    -- Text search configurations. A query often names one only in a text ('english'). They are few and rarely change.
    SELECT 'text search configuration', 'pg_catalog.pg_ts_config'::pg_catalog.regclass, m.mapcfg,
           pg_catalog.concat_ws(',', m.maptokentype, m.mapseqno, m.mapdict, m.xmin)
    FROM pg_catalog.pg_ts_config_map AS m WHERE m.mapcfg >= 16384
    UNION ALL
    SELECT 'text search dictionary', 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, d.oid, d.xmin::pg_catalog.text
    FROM pg_catalog.pg_ts_dict AS d WHERE d.oid >= 16384
    UNION ALL
    -- Keys that routes rely on and that are missing now. A new key makes no route wrong. Keys are compared by their
    -- columns, because REINDEX CONCURRENTLY creates another index.
    SELECT 'unique key of table', 'pg_catalog.pg_class'::pg_catalog.regclass, w.relation, w.key
    FROM ROWS FROM (pg_catalog.unnest(%(key_relations)s::pg_catalog.oid[]), pg_catalog.unnest(%(keys)s::pg_catalog.text[])) AS w (relation, key)
    LEFT JOIN LATERAL (
        SELECT i.indexrelid FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = w.relation AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
          AND pg_catalog.array_to_string((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1], ' ') = w.key
        OFFSET 0
    ) AS i ON true
    WHERE i.indexrelid IS NULL
    UNION ALL
    SELECT 'foreign key of table', 'pg_catalog.pg_class'::pg_catalog.regclass, w.relation, w.key::pg_catalog.text
    FROM ROWS FROM (pg_catalog.unnest(%(foreign_key_relations)s::pg_catalog.oid[]), pg_catalog.unnest(%(foreign_keys)s::pg_catalog.oid[])) AS w (relation, key)
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.oid = w.key AND c.convalidated)
    UNION ALL
    -- User-defined objects with a name of the query, in a schema where the query finds names: a table that shadows
    -- another one, an overload of a function or operator that fits better. PostgreSQL decides which object a name means
    -- when the daemon plans the feed again. (For `oid >= 16384` the planner would use the index on oid and read every
    -- object of the database.)
    SELECT 'name of relation', 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, n.nspname
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname = ANY (%(names)s::pg_catalog.name[]) AND c.oid::pg_catalog.int8 >= 16384 AND c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S', 'c')
      AND n.nspname = ANY (%(schemas)s::pg_catalog.name[])
    UNION ALL
    SELECT 'name of function', 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, n.nspname
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.proname = ANY (%(names)s::pg_catalog.name[]) AND p.oid::pg_catalog.int8 >= 16384 AND n.nspname = ANY (%(schemas)s::pg_catalog.name[])
    UNION ALL
    SELECT 'name of type', 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, n.nspname
    FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE t.typname = ANY (%(names)s::pg_catalog.name[]) AND t.oid::pg_catalog.int8 >= 16384 AND t.typtype <> 'c' AND n.nspname = ANY (%(schemas)s::pg_catalog.name[])
    UNION ALL
    SELECT 'name of operator', 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, n.nspname
    FROM pg_catalog.pg_operator AS o JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE o.oprname = ANY (%(symbols)s::pg_catalog.name[]) AND o.oid::pg_catalog.int8 >= 16384 AND n.nspname = ANY (%(schemas)s::pg_catalog.name[])
)
{summary}

-- name: digest
-- One digest of all parts.
SELECT (SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(' ', p.kind, p.object, p.state), ';'
                ORDER BY p.kind COLLATE pg_catalog."C", p.object, p.state COLLATE pg_catalog."C"))
        FROM part AS p),
       CASE WHEN c.tampered IS NULL THEN c.versions END
FROM capture AS c

-- name: named
-- Each object by kind and oid, with its name and a digest of its facts.
SELECT pg_catalog.jsonb_object_agg(p.kind || ' ' || p.object, pg_catalog.jsonb_build_array(i.identity, p.state))
FROM (
    SELECT p.kind, p.class, p.object, pg_catalog.md5(pg_catalog.string_agg(p.state, ';' ORDER BY p.state COLLATE pg_catalog."C")) AS state
    FROM part AS p GROUP BY p.kind, p.class, p.object
) AS p
CROSS JOIN LATERAL pg_catalog.pg_identify_object(p.class, p.object, 0) AS i
WHERE i.identity IS NOT NULL
