-- name: owner
-- Whether the owner role exists, whether this session may create roles, whether it may give objects to the role.
SELECT o.oid IS NOT NULL, m.rolsuper OR m.rolcreaterole,
       COALESCE(pg_catalog.pg_has_role(o.oid, 'MEMBER'), false)
FROM pg_catalog.pg_roles AS m LEFT JOIN pg_catalog.pg_roles AS o ON o.rolname = %(owner)s
WHERE m.rolname = pg_catalog.current_user()

-- name: create_owner
CREATE ROLE {owner} NOLOGIN

-- name: join_owner
-- Giving an object to a role takes membership in it.
GRANT {owner} TO CURRENT_USER

-- name: let_owner_in
-- No more than INSERT into changelogs takes. With CREATE, whatever ran as the owner could replace its own functions.
GRANT USAGE ON SCHEMA cdc TO {owner}

-- name: keep_owner_from_creating
REVOKE CREATE ON SCHEMA cdc FROM {owner}

-- name: owner_may_enter
-- Whether the owner role may use schema cdc, and whether it was granted CREATE there, as earlier versions did.
SELECT pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'),
       EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) AS a
               WHERE a.grantee OPERATOR(pg_catalog.=) r.oid AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner
                 AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE')
FROM pg_catalog.pg_namespace AS n CROSS JOIN pg_catalog.pg_roles AS r
WHERE n.nspname OPERATOR(pg_catalog.=) 'cdc' AND r.rolname OPERATOR(pg_catalog.=) %(owner)s

-- name: record_migration
INSERT INTO cdc.migration (number, name) VALUES ({number}, {name})

-- name: last_migration
SELECT COALESCE(pg_catalog.max(number), 0) FROM cdc.migration

-- name: use_schema
GRANT USAGE ON SCHEMA cdc TO {role}

-- name: use_tables
GRANT ALL ON ALL TABLES IN SCHEMA cdc TO {role}

-- name: use_sequences
GRANT ALL ON ALL SEQUENCES IN SCHEMA cdc TO {role}

-- name: drop_schema
DROP SCHEMA IF EXISTS cdc CASCADE

-- name: disown
-- Rights that the role may still hold in this database.
DROP OWNED BY {owner}

-- name: drop_owner
DROP ROLE {owner}

-- name: left
-- Anything of ours that is still in this database.
SELECT 'schema cdc' FROM pg_catalog.pg_namespace WHERE nspname = 'cdc'
UNION ALL
SELECT 'trigger ' || t.tgname || ' on ' || t.tgrelid::pg_catalog.regclass
FROM pg_catalog.pg_trigger AS t WHERE t.tgname LIKE 'cdc\_capture\_%'

-- name: one_installer
-- One installer at a time in this database. Two would read the same state and take each other's columns out
-- of a capture function; two that replace one function at once end in "tuple concurrently updated".
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('cdc-daemon install'))
