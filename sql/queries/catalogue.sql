-- name: create_view
-- Creates a view of the feed's query, which is rolled back. PostgreSQL resolves its names and records its
-- dependencies. The user's text has lines of its own, so that a comment at its end hides nothing.
CREATE TEMPORARY VIEW cdc_described AS
{query}

-- name: definition
-- The query with every name resolved. Executed with search_path = pg_catalog, so that tables are schema-qualified.
SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid)
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() AND c.relname = 'cdc_described'

-- name: outputs
-- The output columns, in order: name, type, the type's name with its schema, the operators of its default B-tree
-- operator class, and the collation if it is not the database's. Arrays, enums, ranges and composite types have their
-- operators in pg_catalog. A domain has those of its base type. If the base type is an enum, its name is the last
-- column: PostgreSQL finds operators for a domain by its base type, but not those of `anyenum`.
SELECT a.attname, pg_catalog.format_type(a.atttypid, -1), pg_catalog.format('%%I.%%I', n.nspname, t.typname),
       COALESCE(o.equal, 'OPERATOR(pg_catalog.=)'), COALESCE(o.greater, 'OPERATOR(pg_catalog.>)'),
       {collation}, COALESCE(d.enum, '')
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN LATERAL (
    WITH RECURSIVE base AS (
        SELECT t.oid AS type
        UNION ALL
        SELECT b.typbasetype FROM base JOIN pg_catalog.pg_type AS b ON b.oid = base.type WHERE b.typtype = 'd'
    )
    SELECT pg_catalog.min(p.spelled) FILTER (WHERE m.amopstrategy = 3) AS equal,
           pg_catalog.min(p.spelled) FILTER (WHERE m.amopstrategy = 5) AS greater
    FROM base
    JOIN pg_catalog.pg_opclass AS c ON c.opcintype = base.type AND c.opcdefault
    JOIN pg_catalog.pg_am AS h ON h.oid = c.opcmethod AND h.amname = 'btree'
    JOIN pg_catalog.pg_amop AS m
      ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
    CROSS JOIN LATERAL (
        SELECT pg_catalog.format('OPERATOR(%%I.%%s)', k.nspname, q.oprname) AS spelled
        FROM pg_catalog.pg_operator AS q JOIN pg_catalog.pg_namespace AS k ON k.oid = q.oprnamespace
        WHERE q.oid = m.amopopr
    ) AS p
) AS o ON true
LEFT JOIN LATERAL (
    WITH RECURSIVE base AS (
        SELECT t.typbasetype AS type WHERE t.typtype = 'd'
        UNION ALL
        SELECT b.typbasetype FROM base JOIN pg_catalog.pg_type AS b ON b.oid = base.type WHERE b.typtype = 'd'
    )
    SELECT pg_catalog.format('%%I.%%I', k.nspname, b.typname) AS enum
    FROM base
    JOIN pg_catalog.pg_type AS b ON b.oid = base.type AND b.typtype = 'e'
    JOIN pg_catalog.pg_namespace AS k ON k.oid = b.typnamespace
) AS d ON true
WHERE a.attrelid = %(view)s AND a.attnum > 0
ORDER BY a.attnum

-- name: collation
-- The collation of a column a of type t in schema n, as a statement names it. '' for the database's default, for that
-- of a built-in type (name), and for none. A column of a domain that has a collation names the database's default
-- explicitly.
COALESCE((SELECT pg_catalog.format('%%I.%%I', k.nspname, l.collname)
          FROM pg_catalog.pg_collation AS l JOIN pg_catalog.pg_namespace AS k ON k.oid = l.collnamespace
          WHERE l.oid = a.attcollation
            AND NOT (l.oid = t.typcollation
                     AND (n.nspname = 'pg_catalog' OR l.oid = 'pg_catalog."default"'::pg_catalog.regcollation))), '')

-- name: reads_as
-- The operators and functions in a view's query: equal for two queries with the same meaning. Read from the rule's
-- text, because pg_depend leaves out objects of pg_catalog. Functions are compared without their number: the server may
-- convert an array once, or each of its elements.
SELECT pg_catalog.md5(pg_catalog.concat_ws(
    ' ',
    (
        SELECT pg_catalog.string_agg(m[1], ' ' ORDER BY m[1])
        FROM pg_catalog.regexp_matches(
            r.ev_action::pg_catalog.text, ':(?:opno|opnos|opfuncid|aggfnoid|winfnoid) (\d+|\(o[ \d]+\))', 'g'
        ) AS m
    ),
    (
        SELECT pg_catalog.string_agg(DISTINCT m[1], ' ' ORDER BY m[1])
        FROM pg_catalog.regexp_matches(r.ev_action::pg_catalog.text, ':funcid (\d+)', 'g') AS m
    )
))
FROM pg_catalog.pg_rewrite AS r
WHERE r.ev_class = %(view)s AND r.ev_type = '1'

-- name: operator_schemas
-- The schemas besides pg_catalog of the operators that a query and its views use, by name or to compare columns that
-- they read. A route compares these columns too.
WITH RECURSIVE used AS (
    SELECT a.atttypid AS type
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = ANY (%(relations)s::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT t.typbasetype FROM used JOIN pg_catalog.pg_type AS t ON t.oid = used.type WHERE t.typtype = 'd'
)
SELECT DISTINCT pg_catalog.quote_ident(n.nspname)
FROM pg_catalog.pg_operator AS o
JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
WHERE n.nspname <> 'pg_catalog' AND (
    o.oid IN (
        SELECT u.operator::pg_catalog.oid
        FROM pg_catalog.pg_rewrite AS r
        CROSS JOIN LATERAL pg_catalog.regexp_matches(
            r.ev_action::pg_catalog.text, ':(?:opno|opnos) (\d+|\(o[ \d]+\))', 'g') AS m
        CROSS JOIN LATERAL pg_catalog.regexp_matches(m[1], '\d+', 'g') AS d
        CROSS JOIN LATERAL (SELECT d[1]) AS u (operator)
        WHERE r.ev_class = ANY (%(views)s::pg_catalog.oid[]) AND r.ev_type = '1'
    )
    OR o.oid IN (
        SELECT m.amopopr
        FROM used
        JOIN pg_catalog.pg_opclass AS c ON c.opcintype = used.type AND c.opcdefault
        JOIN pg_catalog.pg_amop AS m ON m.amopfamily = c.opcfamily
    )
)
ORDER BY 1

-- name: dependencies
-- Relations and columns that PostgreSQL recorded for the query and for every view that it reads, and relations that
-- only their rules name (nothing is recorded for system catalogues). The server's own views are not followed, because
-- they are refused. The last column: whether rows of the relation are read; otherwise only its row type is named.
-- With a regclass constant (type 2205) this is unknown, because a function may read by it.
WITH RECURSIVE reading (relation) AS (
    SELECT %(view)s::pg_catalog.oid
    UNION
    SELECT c.oid
    FROM reading
    JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = reading.relation AND r.ev_type = '1'
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
    JOIN pg_catalog.pg_class AS c
      ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.refobjid AND c.relkind = 'v'
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
)
SELECT d.refobjid,
       pg_catalog.array_agg(DISTINCT a.attname ORDER BY a.attname) FILTER (WHERE a.attname IS NOT NULL),
       pg_catalog.bool_or(d.read) OR EXISTS (
           SELECT FROM pg_catalog.pg_rewrite AS r
           WHERE r.ev_class IN (SELECT relation FROM reading) AND r.ev_type = '1' AND r.ev_action::pg_catalog.text ~ ':consttype 2205 '
       )
FROM (
    SELECT d.refobjid, d.refobjsubid, false AS read
    FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
    WHERE r.ev_class IN (SELECT relation FROM reading) AND r.ev_type = '1'
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
    UNION
    SELECT m[1]::pg_catalog.oid, 0, true
    FROM pg_catalog.pg_rewrite AS r,
         pg_catalog.regexp_matches(r.ev_action::pg_catalog.text, ':relid (\d+)', 'g') AS m
    WHERE r.ev_class IN (SELECT relation FROM reading) AND r.ev_type = '1'
      AND m[1]::pg_catalog.oid NOT IN (0, r.ev_class)
) AS d
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
GROUP BY d.refobjid

-- name: views
-- Views among some relations, with their queries as the server resolved them. Executed with search_path = pg_catalog.
SELECT c.oid, n.nspname, c.relname, pg_catalog.pg_get_viewdef(c.oid),
       ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a
             WHERE a.attrelid = c.oid AND a.attnum > 0
             ORDER BY a.attnum)::pg_catalog.text[],
       pg_catalog.has_table_privilege(c.oid, 'SELECT')
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[]) AND c.relkind = 'v'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 2, 3

-- name: functions
-- Functions, aggregates and window functions that the query or one of its views calls, by name, operator or cast,
-- also built-in ones (which pg_depend leaves out); the functions of user-defined aggregates; and functions that a
-- body calls, if PostgreSQL records that (BEGIN ATOMIC).
WITH RECURSIVE called AS (
    SELECT m[1]::pg_catalog.oid AS oid
    FROM pg_catalog.pg_rewrite AS r,
         pg_catalog.regexp_matches(r.ev_action::pg_catalog.text,
                                   ':(?:funcid|opfuncid|aggfnoid|winfnoid|tsmhandler) (\d+)', 'g') AS m
    WHERE r.ev_class = ANY (%(views)s::pg_catalog.oid[]) AND r.ev_type = '1'
    UNION
    SELECT f.oid
    FROM called
    CROSS JOIN LATERAL (
        SELECT d.refobjid
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = called.oid
          AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        UNION ALL
        SELECT u.part
        FROM pg_catalog.pg_aggregate AS a
        CROSS JOIN LATERAL pg_catalog.unnest(ARRAY[a.aggtransfn::pg_catalog.oid, a.aggfinalfn]) AS u (part)
        WHERE a.aggfnoid = called.oid AND u.part <> 0
    ) AS f (oid)
)
SELECT DISTINCT n.nspname, p.proname, p.provolatile::pg_catalog.text, p.prokind::pg_catalog.text, p.proretset, p.oid,
       ARRAY(SELECT pg_catalog.format_type(t.type, -1)
             FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) WITH ORDINALITY AS t (type, place)
             ORDER BY t.place)::pg_catalog.text[],
       l.lanname,
       CASE WHEN l.lanname IN ('c', 'internal') THEN '' ELSE p.prosrc END,
       (SELECT pg_catalog.jsonb_agg(DISTINCT pg_catalog.jsonb_build_array(k.nspname, c.relname))
        FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_class AS c ON c.oid = d.refobjid AND c.relkind <> 'c'
        JOIN pg_catalog.pg_namespace AS k ON k.oid = c.relnamespace
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass),
       (SELECT e.extname
        FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
          AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass),
       pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
FROM called
JOIN pg_catalog.pg_proc AS p ON p.oid = called.oid AND p.prokind <> 'p'
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
ORDER BY 1, 2, 6

-- name: collated_domains
-- Domains with a collation, and whether it is deterministic.
SELECT pg_catalog.format_type(t.oid, -1), pg_catalog.format('%I.%I', n.nspname, l.collname), l.collisdeterministic
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_collation AS l ON l.oid = t.typcollation
JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
WHERE t.typtype = 'd' AND l.oid <> 'pg_catalog."default"'::pg_catalog.regcollation
ORDER BY 1

-- name: named_types
-- Types in the query and its views whose values are object identifiers and are written as names, by themselves or as
-- a part. A value that is used as a number (::oid) shows no name, and neither does a constant that names a text
-- search configuration.
WITH RECURSIVE value (type) AS (
    SELECT m[1]::pg_catalog.oid
    FROM pg_catalog.pg_rewrite AS r
    CROSS JOIN LATERAL (
        SELECT pg_catalog.regexp_replace(
            r.ev_action::pg_catalog.text,
            '\{{RELABELTYPE :arg \{{[A-Z]+ [^{{}}]*\}} :resulttype 26 |:consttype (?:3734|3769) ', ' ', 'g') AS rule
    ) AS t
    CROSS JOIN LATERAL pg_catalog.regexp_matches(
        t.rule,
        ':(?:vartype|consttype|funcresulttype|resulttype|opresulttype|aggtype|wintype|coalescetype|casetype'
        '|minmaxtype|array_typeid|refrestype|row_typeid) (\d+)', 'g') AS m
    WHERE r.ev_class = ANY (%(views)s::pg_catalog.oid[]) AND r.ev_type = '1'
), part (type, of) AS (
    SELECT v.type, v.type FROM value AS v
    UNION
    SELECT p.type, b.type
    FROM part AS p
    JOIN pg_catalog.pg_type AS t ON t.oid = p.of
    CROSS JOIN LATERAL (
        SELECT t.typelem UNION ALL SELECT t.typbasetype
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT g.rngsubtype FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid
    ) AS b (type)
    WHERE b.type <> 0
)
SELECT DISTINCT pg_catalog.format_type(p.type, -1)
FROM part AS p
JOIN pg_catalog.pg_type AS t ON t.oid = p.of
WHERE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
  AND t.typname IN ('regclass', 'regcollation', 'regconfig', 'regdictionary', 'regnamespace', 'regoper', 'regoperator',
                    'regproc', 'regprocedure', 'regrole', 'regtype', 'aclitem')
ORDER BY 1

-- name: reader
-- The reading role, as a statement names it, and whether it may create the temporary view that describes a query.
SELECT pg_catalog.quote_ident(current_user),
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY'),
       pg_catalog.quote_ident(pg_catalog.current_database())

-- name: declared
-- The relations that a feed declares for its functions, found as its query would find them; NULL for an unknown name.
SELECT d.name, pg_catalog.to_regclass(d.name)::pg_catalog.oid
FROM pg_catalog.unnest(%(names)s::pg_catalog.text[]) AS d (name)

-- name: creators
-- Schemas of a search path in which other roles may create objects, with these roles: because they have the right,
-- because they own the schema, or because the schema does not exist and they may create it. Trusted roles are left
-- out: superusers, the owner of the database, the reading role and its members; for an owner of the schema also
-- members of the owner of a source table.
WITH named AS (
    SELECT w.name, n.oid, n.nspowner, n.nspacl
    FROM pg_catalog.unnest(%(schemas)s::pg_catalog.text[]) AS w (name)
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.name
    WHERE n.oid IS NULL OR pg_catalog.has_schema_privilege(n.oid, 'USAGE')
), creator AS (
    SELECT n.name, true AS stands, g.grantee AS role
    FROM named AS n CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS g
    WHERE g.privilege_type = 'CREATE' AND g.grantee <> n.nspowner
    UNION
    SELECT n.name, true, n.nspowner
    FROM named AS n
    WHERE n.oid IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
        WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[])
          AND pg_catalog.pg_has_role(n.nspowner, c.relowner, 'MEMBER')
    )
    UNION
    SELECT n.name, false, g.grantee
    FROM named AS n
    JOIN pg_catalog.pg_database AS d ON n.oid IS NULL AND d.datname = pg_catalog.current_database()
    CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) AS g
    WHERE g.privilege_type = 'CREATE'
)
SELECT pg_catalog.quote_ident(c.name), c.stands,
       pg_catalog.array_agg(COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') ORDER BY r.rolname)
FROM creator AS c
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = c.role
WHERE r.oid IS NULL OR NOT (
    r.rolsuper OR r.rolname = 'pg_database_owner' OR pg_catalog.pg_has_role(r.oid, current_user, 'MEMBER')
    OR r.oid = (SELECT d.datdba FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
)
GROUP BY c.name, c.stands
ORDER BY c.name

-- name: relations
-- Relations by oid: their kind, whether the role may read them as a whole, and facts that would hide their changes or
-- rows. A composite type has no rows.
SELECT c.oid, n.nspname, c.relname,
       CASE WHEN n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') THEN 'system catalogue'
            WHEN c.relkind = 'm' THEN 'materialized view'
            WHEN c.relkind = 'f' THEN 'foreign table'
            WHEN c.relkind = 'S' THEN 'sequence'
            WHEN c.relpersistence = 't' THEN 'temporary table'
            ELSE 'table' END,
       pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       CASE WHEN c.relkind NOT IN ('r', 'p') OR NOT pg_catalog.row_security_active(c.oid) THEN ''
            WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE') THEN 'forced' ELSE 'active' END,
       c.relpersistence = 'u',
       ARRAY(SELECT pg_catalog.concat_ws('.', k.nspname, f.relname)
             FROM pg_catalog.pg_partition_tree(c.oid) AS t
             JOIN pg_catalog.pg_class AS f ON f.oid = t.relid AND f.relkind = 'f' AND c.relkind = 'p'
             JOIN pg_catalog.pg_namespace AS k ON k.oid = f.relnamespace
             ORDER BY 1)::pg_catalog.text[],
       c.relkind = 'p'
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[]) AND c.relkind <> 'c'
ORDER BY 2, 3

-- name: columns
-- Their columns, in order. Entries carry base types of pg_catalog unchanged, and arrays, domains, enums, composite
-- types, ranges and types of extensions as text. The values of a domain compare as those of its base type. Capture
-- would read these from text, which for timestamps depends on settings of the session, so it does not compare them.
-- Under some collations values of different bytes are equal.
SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, -1),
       CASE WHEN t.typtype = 'b' AND t.typcategory <> 'A' AND n.nspname = 'pg_catalog'
            THEN pg_catalog.format_type(a.atttypid, -1) ELSE 'text' END,
       a.attnotnull, a.attgenerated = 'v',
       CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN (
           WITH RECURSIVE base AS (
               SELECT t.typbasetype AS type
               UNION ALL
               SELECT b.typbasetype FROM base JOIN pg_catalog.pg_type AS b ON b.oid = base.type WHERE b.typtype = 'd'
           )
           SELECT pg_catalog.format_type(base.type, -1)
           FROM base JOIN pg_catalog.pg_type AS b ON b.oid = base.type
           WHERE b.typtype <> 'd' AND b.typname NOT IN ('date', 'timestamp', 'timestamptz')
       ) ELSE '' END,
       pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
       {collation},
       COALESCE((SELECT l.collisdeterministic FROM pg_catalog.pg_collation AS l WHERE l.oid = a.attcollation), true)
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
WHERE a.attrelid = ANY (%(relations)s::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum

-- name: unique_keys
-- Their unique indexes without predicate, expression or deferral, the primary key first, and whether they hold for
-- all rows that a query reads of the table: an index of a table does not cover tables that inherit from it.
SELECT i.indrelid, i.indisprimary,
       NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h
                   JOIN pg_catalog.pg_class AS c ON c.oid = h.inhparent AND c.relkind <> 'p'
                   WHERE h.inhparent = i.indrelid),
       ARRAY(SELECT a.attname
             FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.place <= i.indnkeyatts
             ORDER BY k.place)::pg_catalog.text[],
       (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1]::pg_catalog.int4[]
FROM pg_catalog.pg_index AS i
WHERE i.indrelid = ANY (%(relations)s::pg_catalog.oid[]) AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL
  -- Under a nondeterministic collation, values with different bytes may be equal.
  AND NOT EXISTS (
      SELECT FROM ROWS FROM (pg_catalog.unnest(i.indkey::pg_catalog.int2[]),
                             pg_catalog.unnest(i.indcollation::pg_catalog.oid[])) AS k (attnum, ordered_by)
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
      JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
      WHERE NOT l.collisdeterministic AND k.ordered_by <> a.attcollation AND k.ordered_by <> 0
  )
ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid

-- name: indexes
-- The columns of their indexes that any lookup can use, up to the first expression, and this expression if it is the
-- first.
SELECT i.indrelid,
       ARRAY(SELECT a.attname
             FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.place <= i.indnkeyatts
               AND k.place < COALESCE((SELECT pg_catalog.min(e.place)
                                       FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[])
                                            WITH ORDINALITY AS e (attnum, place)
                                       WHERE e.attnum = 0), 1000)
             ORDER BY k.place)::pg_catalog.text[],
       CASE WHEN i.indkey[0] = 0 THEN pg_catalog.pg_get_indexdef(i.indexrelid, 1, false) END
FROM pg_catalog.pg_index AS i
WHERE i.indrelid = ANY (%(relations)s::pg_catalog.oid[]) AND i.indisvalid AND i.indpred IS NULL
ORDER BY i.indrelid, i.indexrelid

-- name: foreign_keys
-- Their foreign keys, if every row that a query reads of the table fulfils them. That is not so for keys that are not
-- validated, or if other tables inherit from the table.
SELECT c.conrelid, n.nspname, f.relname,
       ARRAY(SELECT a.attname FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
             ORDER BY k.place)::pg_catalog.text[],
       ARRAY(SELECT a.attname FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.attnum
             ORDER BY k.place)::pg_catalog.text[],
       c.oid
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_class AS f ON f.oid = c.confrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = f.relnamespace
WHERE c.contype = 'f' AND c.conrelid = ANY (%(relations)s::pg_catalog.oid[]) AND c.convalidated
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h
                  JOIN pg_catalog.pg_class AS o ON o.oid = h.inhparent AND o.relkind <> 'p'
                  WHERE h.inhparent = c.conrelid)
ORDER BY c.conrelid, c.conname

-- name: create_understood
-- Creates a view of the text that the analysis understood, beside the query's own.
CREATE TEMPORARY VIEW cdc_understood AS
{query}

-- name: understood_definition
-- Its definition. It equals the query's own if the analysis misread nothing.
SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid)
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() AND c.relname = 'cdc_understood'

-- name: create_delta
-- An empty delta with the types of a table's own columns.
CREATE TEMPORARY TABLE delta ON COMMIT DROP AS
SELECT {links} FROM {table} WITH NO DATA

-- name: explain
-- Plans a route without executing it.
EXPLAIN (FORMAT JSON) {route}
