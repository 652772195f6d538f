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
-- CREATE is what ALTER FUNCTION ... OWNER TO asks of the new owner.
GRANT USAGE, CREATE ON SCHEMA cdc TO {owner}

-- name: owner_may_enter
SELECT pg_catalog.to_regnamespace('cdc') IS NOT NULL
   AND pg_catalog.has_schema_privilege(%(owner)s, 'cdc', 'USAGE')
   AND pg_catalog.has_schema_privilege(%(owner)s, 'cdc', 'CREATE')

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
