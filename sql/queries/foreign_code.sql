-- name: types
-- User-defined types of some relations' columns, of the rules of some views, and of the parameters and results of
-- some functions, and the types of which they consist: elements of arrays, base types of domains, attributes,
-- subtypes of ranges.
WITH RECURSIVE used AS (
    SELECT a.atttypid AS oid
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = ANY (%(relations)s::pg_catalog.oid[] || %(views)s::pg_catalog.oid[])
      AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT d.refobjid
    FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
    WHERE r.ev_class = ANY (%(views)s::pg_catalog.oid[]) AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
    UNION
    SELECT type.oid
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN LATERAL pg_catalog.unnest(p.prorettype || p.proargtypes::pg_catalog.oid[] || p.proallargtypes) AS type (oid)
    WHERE p.oid = ANY (%(functions)s::pg_catalog.oid[])
    UNION
    SELECT part.oid
    FROM used
    JOIN pg_catalog.pg_type AS t ON t.oid = used.oid
    CROSS JOIN LATERAL (
        SELECT t.typelem
        UNION ALL
        SELECT t.typbasetype
        UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT g.rngsubtype FROM pg_catalog.pg_range AS g WHERE t.oid IN (g.rngtypid, g.rngmultitypid)
    ) AS part (oid)
    WHERE part.oid <> 0
)
SELECT u.oid FROM used AS u WHERE u.oid >= 16384 ORDER BY 1

-- name: operators
-- User-defined operators in the rules of some views.
SELECT DISTINCT d.refobjid
FROM pg_catalog.pg_rewrite AS r
JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
WHERE r.ev_class = ANY (%(views)s::pg_catalog.oid[]) AND d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass
ORDER BY 1

-- name: functions
-- User-defined functions that may run when documents are computed: the given ones; those of CHECKs of domains and of
-- casts from or to the types; those in expressions that the planner evaluates for a table (indexes, statistics,
-- CHECKs, partition keys, generated columns, policies); and those that all these consist of or are recorded to call.
-- Functions of schema cdc are left out, because capture functions are replaced when feeds change.
-- regexp_matches counts as 1,000 rows for each expression. With it in FROM, the planner expects millions of functions,
-- and each execution begins with 8 MB of empty hash table (10 ms). It takes an array for ten rows.
WITH RECURSIVE tree AS (
    SELECT pg_catalog.unnest(%(relations)s::pg_catalog.oid[]) AS relation
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.relation
), expression (nodes) AS (
    SELECT c.conbin::pg_catalog.text FROM pg_catalog.pg_constraint AS c
    WHERE c.contypid = ANY (%(types)s::pg_catalog.oid[])
    UNION ALL
    SELECT c.conbin::pg_catalog.text FROM tree JOIN pg_catalog.pg_constraint AS c ON c.conrelid = tree.relation
    UNION ALL
    SELECT pg_catalog.concat(i.indexprs, i.indpred) FROM tree JOIN pg_catalog.pg_index AS i ON i.indrelid = tree.relation
    UNION ALL
    SELECT e.adbin::pg_catalog.text
    FROM tree
    JOIN pg_catalog.pg_attrdef AS e ON e.adrelid = tree.relation
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = e.adrelid AND a.attnum = e.adnum AND a.attgenerated <> ''
    UNION ALL
    SELECT p.polqual::pg_catalog.text FROM tree JOIN pg_catalog.pg_policy AS p ON p.polrelid = tree.relation
    UNION ALL
    SELECT p.partexprs::pg_catalog.text
    FROM tree JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = tree.relation
    UNION ALL
    SELECT s.stxexprs::pg_catalog.text
    FROM tree JOIN pg_catalog.pg_statistic_ext AS s ON s.stxrelid = tree.relation
), run AS (
    SELECT pg_catalog.unnest(%(functions)s::pg_catalog.oid[]) AS oid
    UNION
    SELECT pg_catalog.unnest(ARRAY(
        SELECT m[1]::pg_catalog.oid
        FROM expression AS e,
             pg_catalog.regexp_matches(e.nodes, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') AS m
    ))
    UNION
    SELECT c.castfunc FROM pg_catalog.pg_cast AS c
    WHERE c.castsource = ANY (%(types)s::pg_catalog.oid[]) OR c.casttarget = ANY (%(types)s::pg_catalog.oid[])
    UNION
    SELECT part.oid
    FROM run
    CROSS JOIN LATERAL (
        SELECT d.refobjid
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = run.oid
          AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        UNION ALL
        SELECT u.part
        FROM pg_catalog.pg_aggregate AS a
        CROSS JOIN LATERAL pg_catalog.unnest(
            ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
                  a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::pg_catalog.oid[]) AS u (part)
        WHERE a.aggfnoid = run.oid
    ) AS part (oid)
)
SELECT p.oid,
       CASE WHEN l.lanname IN ('c', 'internal') THEN ''
            ELSE pg_catalog.concat(p.prosrc, ' ', pg_catalog.pg_get_function_sqlbody(p.oid)) END,
       COALESCE((SELECT pg_catalog.string_agg(pg_catalog.split_part(c.setting, '=', 2), ',')
                 FROM pg_catalog.unnest(p.proconfig) AS c (setting)
                 WHERE c.setting LIKE 'search\_path=%%'), '')
FROM run
JOIN pg_catalog.pg_proc AS p ON p.oid = run.oid
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE p.oid >= 16384 AND p.pronamespace IS DISTINCT FROM pg_catalog.to_regnamespace('cdc')::pg_catalog.oid
ORDER BY 1

-- name: path
-- The schemas of the search path that exist, and the role that "$user" stands for.
SELECT pg_catalog.current_schemas(false)::pg_catalog.text[], current_user::pg_catalog.text

-- name: named
-- User-defined functions and views among the names in a function's body: with a schema, or without one (NULL) in the
-- given schemas. A body does not say which of several objects it means. Objects of schema cdc are left out: an
-- install replaces capture functions, which the owner role owns.
SELECT p.oid, NULL::pg_catalog.oid
FROM ROWS FROM (pg_catalog.unnest(%(schemas)s::pg_catalog.text[]), pg_catalog.unnest(%(names)s::pg_catalog.text[]))
     AS w (schema, name)
JOIN pg_catalog.pg_proc AS p ON p.proname = w.name AND p.oid >= 16384
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE (n.nspname = w.schema OR w.schema IS NULL AND n.nspname = ANY (%(path)s::pg_catalog.text[]))
  AND n.nspname <> 'cdc'
UNION
SELECT NULL, c.oid
FROM ROWS FROM (pg_catalog.unnest(%(schemas)s::pg_catalog.text[]), pg_catalog.unnest(%(names)s::pg_catalog.text[]))
     AS w (schema, name)
JOIN pg_catalog.pg_class AS c ON c.relname = w.name AND c.oid >= 16384 AND c.relkind = 'v'
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE (n.nspname = w.schema OR w.schema IS NULL AND n.nspname = ANY (%(path)s::pg_catalog.text[]))
  AND n.nspname <> 'cdc'

-- name: called_by_views
-- Functions in the rules of some views.
SELECT DISTINCT m[1]::pg_catalog.oid
FROM pg_catalog.pg_rewrite AS r,
     pg_catalog.regexp_matches(r.ev_action::pg_catalog.text,
                               ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') AS m
WHERE r.ev_class = ANY (%(views)s::pg_catalog.oid[]) AND r.ev_type = '1'

-- name: foreign
-- Views, functions, domains with a CHECK, and operators (among the given ones) that belong to another role, with a
-- digest of their definitions. Executed with search_path = pg_catalog. Trusted owners are left out: superusers, the
-- reading role and its members, and members of the owner of a source table. Members of the reading role gain nothing
-- by their code, and expressions of a table's owner run in every role that reads the table. A role of which the
-- reading role is a member is not trusted for that.
WITH object AS (
    SELECT c.oid, 'view' AS kind, pg_catalog.format('%%s.%%s', n.nspname, c.relname) AS name, c.relowner AS owner,
           pg_catalog.concat(pg_catalog.pg_get_viewdef(c.oid), c.reloptions) AS definition
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = ANY (%(views)s::pg_catalog.oid[])
    UNION ALL
    SELECT p.oid, 'function', pg_catalog.format('%%s.%%s(%%s)', n.nspname, p.proname,
                                         pg_catalog.pg_get_function_identity_arguments(p.oid)),
           p.proowner, (pg_catalog.to_jsonb(p.*) - ARRAY['oid', 'proacl'])::pg_catalog.text
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.oid = ANY (%(functions)s::pg_catalog.oid[])
    UNION ALL
    SELECT t.oid, 'domain', pg_catalog.format('%%s.%%s', n.nspname, t.typname), t.typowner,
           (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(c.oid), ';' ORDER BY c.conname)
            FROM pg_catalog.pg_constraint AS c WHERE c.contypid = t.oid)
    FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE t.oid = ANY (%(types)s::pg_catalog.oid[])
      AND EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c')
    UNION ALL
    SELECT o.oid, 'operator', pg_catalog.format('%%s.%%s', n.nspname, o.oprname), o.oprowner,
           pg_catalog.concat(o.oprcode, ' ', o.oprleft::pg_catalog.regtype, ' ', o.oprright::pg_catalog.regtype)
    FROM pg_catalog.pg_operator AS o JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE o.oid = ANY (%(operators)s::pg_catalog.oid[])
)
SELECT o.kind, o.name, r.rolname, pg_catalog.md5(o.definition), o.oid
FROM object AS o
JOIN pg_catalog.pg_roles AS r ON r.oid = o.owner
WHERE o.oid >= 16384 AND NOT r.rolsuper AND NOT pg_catalog.pg_has_role(r.oid, current_user, 'MEMBER')
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_class AS c
      WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[]) AND pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER')
  )
ORDER BY 1, 2
