-- name: lock_timeout
-- How long any statement of this transaction waits for a lock.
SELECT pg_catalog.set_config('lock_timeout', %(milliseconds)s, true)

-- name: holders
-- Sessions whose lock on a table keeps triggers from being created on it.
SELECT DISTINCT l.pid
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.granted AND n.nspname = %(schema)s AND c.relname = %(table)s
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') AND l.pid <> pg_catalog.pg_backend_pid()
ORDER BY 1
