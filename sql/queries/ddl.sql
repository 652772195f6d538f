-- name: lock_timeout
-- How long any statement of this transaction waits for a lock.
SELECT pg_catalog.set_config('lock_timeout', %(milliseconds)s, true)

-- name: holders
-- Transactions whose lock on a table prevents a new trigger: those that were open when the wait began. Later
-- transactions wait behind ours. A prepared transaction has no pid.
SELECT DISTINCT l.pid
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.granted AND n.nspname = %(schema)s AND c.relname = %(table)s
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
  AND (a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(seconds)s)) IS NOT FALSE
ORDER BY 1
