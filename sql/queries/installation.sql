-- name: owner
-- Whether the owner role exists, whether this session may create roles, whether it may give objects to the role.
SELECT o.oid IS NOT NULL, m.rolsuper OR m.rolcreaterole,
       COALESCE(pg_catalog.pg_has_role(o.oid, 'MEMBER'), false)
FROM pg_catalog.pg_roles AS m LEFT JOIN pg_catalog.pg_roles AS o ON o.rolname = %(owner)s
WHERE m.rolname = pg_catalog.current_user()

-- name: installed_owner
-- The owner role of earlier installs, whatever the name of the database was. A copy of a database has the capture
-- functions of the original. Their owner then owns objects in another database too, and is not this one's.
SELECT r.rolname
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) p.proowner
WHERE p.pronamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('cdc')::pg_catalog.oid
  AND pg_catalog.starts_with(p.proname::pg_catalog.text, 'capture_')
  AND pg_catalog.starts_with(r.rolname::pg_catalog.text, 'cdc_owner_') AND NOT r.rolcanlogin
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_shdepend AS d
      WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass::pg_catalog.oid
        AND d.refobjid OPERATOR(pg_catalog.=) r.oid AND d.dbid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
        AND d.dbid OPERATOR(pg_catalog.<>) (
            SELECT b.oid FROM pg_catalog.pg_database AS b
            WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
        )
  )
GROUP BY r.rolname

-- name: create_owner
-- The body of a DO block. The role may exist without the schema: a script ran before, or somebody dropped the schema.
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) {name}) THEN
        CREATE ROLE {owner} NOLOGIN;
    END IF;
END

-- name: join_owner
-- Membership is required to give an object to a role.
GRANT {owner} TO CURRENT_USER

-- name: let_owner_in
-- The rights that an INSERT into changelogs needs, and no more. With CREATE, code that runs as the owner could
-- replace the owner's functions.
GRANT USAGE ON SCHEMA cdc TO {owner}

-- name: keep_owner_from_creating
-- The owner role may create in schema cdc only while a function is given to it.
REVOKE CREATE ON SCHEMA cdc FROM {owner}

-- name: owner_may_enter
-- Whether the owner role may use schema cdc, and whether it was granted CREATE there, as earlier versions did.
SELECT pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'),
       EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) AS a
               WHERE a.grantee OPERATOR(pg_catalog.=) r.oid AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner
                 AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE')
FROM pg_catalog.pg_namespace AS n CROSS JOIN pg_catalog.pg_roles AS r
WHERE n.nspname OPERATOR(pg_catalog.=) 'cdc' AND r.rolname OPERATOR(pg_catalog.=) %(owner)s

-- name: tables_of_others
-- The tables among these whose owner's rights this session does not have, and their owners.
SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner)
FROM ROWS FROM (
    pg_catalog.unnest(%(schemas)s::pg_catalog.text[]), pg_catalog.unnest(%(names)s::pg_catalog.text[])
) AS w (schema, name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname OPERATOR(pg_catalog.=) w.schema
JOIN pg_catalog.pg_class AS c
  ON c.relnamespace OPERATOR(pg_catalog.=) n.oid AND c.relname OPERATOR(pg_catalog.=) w.name
WHERE NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
ORDER BY n.nspname, c.relname

-- name: may_create
-- Whether this session may create the objects of feeds and captures, and schema cdc if it does not exist.
SELECT COALESCE(
    (SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE')
     FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) 'cdc'),
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
)

-- name: use_schema
-- Lets a role name objects of schema cdc.
GRANT USAGE ON SCHEMA cdc TO {role}

-- name: use_nothing_more
-- Earlier versions granted ALL. With the right to create triggers on tables of cdc, a role could make others run its
-- code.
REVOKE TRIGGER, REFERENCES ON ALL TABLES IN SCHEMA cdc FROM {role}

-- name: read_all
-- Lets a role read schema cdc.
GRANT SELECT ON ALL TABLES IN SCHEMA cdc TO {role}

-- name: read_later
-- Lets a role read the tables that this role creates later in schema cdc: those of a new feed.
ALTER DEFAULT PRIVILEGES IN SCHEMA cdc GRANT SELECT ON TABLES TO {role}

-- name: plan_queries
-- Lets a role plan feeds: the analysis creates a temporary view, and rolls back.
GRANT TEMPORARY ON DATABASE {database} TO {role}

-- name: see_sessions
-- Lets a role see when sessions of other roles asked, so that it knows which daemons run, and for whom a lock waits.
GRANT pg_read_all_stats TO {role}

-- name: enter_schemas
-- Lets a role name tables of these schemas.
GRANT USAGE ON SCHEMA {schemas} TO {role}

-- name: read_sources
-- Lets a role run the feeds' queries.
GRANT SELECT ON {tables} TO {role}

-- name: write_state
-- The right to write the state tables. Only an installer writes what is installed (migration, source) and former
-- sinks.
GRANT INSERT, UPDATE, DELETE
ON cdc.feed_state, cdc.sink_state, cdc.failed_item, cdc.resync, cdc.delivery_pause, cdc.delivered_document,
   cdc.failed_entity, cdc.obsolete_key, cdc.daemon, cdc.feed_sample, cdc.delivery_sample, cdc.payload_log, cdc.canary, cdc.verification
TO {role}

-- name: write_history
-- The history is appended to, and emptied by segments.
GRANT INSERT ON cdc.history_pass, cdc.history_change, cdc.history_delivery TO {role}

-- name: empty_history
-- Emptying takes the segments by their names.
GRANT TRUNCATE ON {segments} TO {role}

-- name: write_audit
-- Acts are recorded, and removed when they are old; nobody changes them.
GRANT INSERT, DELETE ON cdc.audit TO {role}

-- name: turn_history
-- Which segment takes rows.
GRANT UPDATE ON cdc.history_segment TO {role}

-- name: empty_changelogs
-- The rights for rotation. The daemon writes no entries.
GRANT TRUNCATE ON {segments} TO {role}

-- name: write_feeds
-- Lets the daemon's role write documents, logs and backlogs.
GRANT INSERT, UPDATE, DELETE ON {feeds} TO {role}

-- name: write_logs
-- Logs and backlogs are appended to, and emptied as a whole.
GRANT INSERT, TRUNCATE ON {logs} TO {role}

-- name: number_revisions
-- SELECT and UPDATE are for setval(), after a restore. Identity columns need no right on their sequences.
GRANT USAGE, SELECT, UPDATE ON SEQUENCE {revisions} TO {role}

-- name: members
-- The objects in schema cdc, as DROP names them: views, tables, functions, and sequences that belong to no column.
SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::pg_catalog.regclass::text
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = pg_catalog.to_regnamespace('cdc') AND c.relkind IN ('r', 'p', 'v', 'S')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND c.relkind = 'S'
                    AND d.deptype IN ('a', 'i'))
UNION ALL
SELECT 'FUNCTION', p.oid::pg_catalog.regprocedure::text
FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = pg_catalog.to_regnamespace('cdc')

-- name: foreign
-- Foreign objects in schema cdc, and foreign objects that depend on ours: tables, views, functions and types by name;
-- triggers on our tables; views, foreign keys, defaults and functions that use them.
WITH relation AS (
    SELECT c.oid, c.relname, c.relkind,
           c.relname = ANY (%(relations)s::text[]) OR EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
               JOIN pg_catalog.pg_class AS o ON o.oid = d.refobjid AND o.relname = ANY (%(relations)s::text[])
               WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
           ) AS own
    FROM pg_catalog.pg_class AS c WHERE c.relnamespace = pg_catalog.to_regnamespace('cdc')
), function AS (
    SELECT p.oid, p.proname = ANY (%(functions)s::text[]) AS own
    FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = pg_catalog.to_regnamespace('cdc')
), own AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS class, r.oid FROM relation AS r WHERE r.own
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
    FROM relation AS r JOIN pg_catalog.pg_type AS t ON t.typrelid = r.oid WHERE r.own
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, f.oid FROM function AS f WHERE f.own
), dependent AS (
    SELECT d.classid, d.objid, COALESCE(w.ev_class, NULLIF(k.conrelid, 0), a.adrelid, t.tgrelid,
               CASE WHEN d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN d.objid END) AS relation
    FROM own AS o
    JOIN pg_catalog.pg_depend AS d ON d.refclassid = o.class AND d.refobjid = o.oid AND d.deptype = 'n'
    LEFT JOIN pg_catalog.pg_rewrite AS w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid
    LEFT JOIN pg_catalog.pg_constraint AS k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid
    LEFT JOIN pg_catalog.pg_attrdef AS a ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND a.oid = d.objid
    LEFT JOIN pg_catalog.pg_trigger AS t ON d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND t.oid = d.objid
    WHERE t.tgname IS NULL OR t.tgname NOT LIKE 'cdc\_capture\_%%'
)
SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, r.oid, 0)
FROM relation AS r WHERE NOT r.own AND r.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
UNION SELECT pg_catalog.pg_describe_object('pg_catalog.pg_proc'::pg_catalog.regclass, f.oid, 0)
FROM function AS f WHERE NOT f.own
UNION SELECT pg_catalog.pg_describe_object('pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 0)
FROM pg_catalog.pg_type AS t
WHERE t.typnamespace = pg_catalog.to_regnamespace('cdc') AND t.typtype IN ('d', 'e', 'r')
UNION SELECT pg_catalog.pg_describe_object('pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, 0)
FROM relation AS r JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal WHERE r.own
UNION SELECT CASE WHEN d.relation IS NULL THEN pg_catalog.pg_describe_object(d.classid, d.objid, 0)
             ELSE pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, d.relation, 0) END
FROM dependent AS d
WHERE NOT EXISTS (SELECT FROM own AS o WHERE o.oid = COALESCE(d.relation, d.objid))
ORDER BY 1

-- name: schema_stands
-- Whether there is a schema of that name, and whether it is ours.
SELECT pg_catalog.to_regnamespace('cdc') IS NOT NULL, pg_catalog.to_regclass('cdc.migration') IS NOT NULL

-- name: drop_schema
-- Without CASCADE, which would drop foreign objects.
DROP SCHEMA cdc

-- name: owner_needed
-- The databases in which the role owns something or has rights; NULL for objects of no database.
SELECT DISTINCT b.datname::pg_catalog.text
FROM pg_catalog.pg_roles AS r
JOIN pg_catalog.pg_shdepend AS d
  ON d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = r.oid
LEFT JOIN pg_catalog.pg_database AS b ON b.oid = d.dbid
WHERE r.rolname = %(owner)s

-- name: disown
-- Revokes rights that the role may still have in this database.
DROP OWNED BY {owner}

-- name: drop_owner
-- Drops the owner role, which owns nothing any more.
DROP ROLE {owner}

-- name: left
-- Our objects that are still in this database. A trigger is ours if it calls a function of schema cdc, whatever its
-- name.
SELECT 'schema cdc' FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) 'cdc'
UNION ALL
SELECT pg_catalog.format('trigger %%s on %%s', t.tgname, t.tgrelid::pg_catalog.regclass)
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE n.nspname OPERATOR(pg_catalog.=) 'cdc'

-- name: one_installer
-- One installer at a time in this database. Two would read the same state and remove each other's columns from a
-- capture function. Two that replace one function at once end in "tuple concurrently updated".
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('cdc-daemon install'))

-- name: installers
-- Sessions that hold this lock. Any role may take an advisory lock; a prepared transaction has no pid.
SELECT l.pid, a.usename::pg_catalog.text, a.application_name
FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid OPERATOR(pg_catalog.=) l.pid
WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted AND l.objsubid OPERATOR(pg_catalog.=) 1
  AND l.database OPERATOR(pg_catalog.=) (
      SELECT d.oid FROM pg_catalog.pg_database AS d
      WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
  )
  AND l.objid::pg_catalog.int8 OPERATOR(pg_catalog.=)
      (pg_catalog.hashtext('cdc-daemon install')::pg_catalog.int8 OPERATOR(pg_catalog.&) 4294967295)
