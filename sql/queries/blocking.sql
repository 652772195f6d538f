-- name: waits
-- Sessions of ours that wait for a lock, for how many seconds, and the processes that block them (0: a prepared
-- transaction).
SELECT a.application_name, EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.query_start)::pg_catalog.float8,
       pg_catalog.pg_blocking_pids(a.pid)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database() AND a.wait_event_type = 'Lock'
  AND pg_catalog.starts_with(a.application_name, 'cdc-daemon: ')

-- name: transactions
-- Transactions of this database that are open: those of these processes, prepared ones of these virtual transactions, and
-- all that are open for longer than so many seconds. A role sees no more than its own sessions, and those of roles of
-- which it is a member; pg_monitor sees all.
SELECT a.pid, NULL AS gid, a.usename::pg_catalog.text AS role, a.application_name AS program, a.state,
       a.xact_start AS since, pg_catalog.left(a.query, 200) AS query, NULL AS virtual,
       COALESCE(a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(seconds)s), false)
       AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL) AS is_old
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
  AND (a.pid = ANY (%(pids)s::pg_catalog.int4[])
       OR a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(seconds)s)
          AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL))
UNION ALL
SELECT NULL, p.gid, p.owner::pg_catalog.text, NULL, 'prepared', p.prepared, NULL,
       (SELECT l.virtualtransaction FROM pg_catalog.pg_locks AS l
        WHERE l.locktype = 'transactionid' AND l.transactionid = p.transaction AND l.pid IS NULL AND l.granted),
       p.prepared < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(seconds)s)
FROM pg_catalog.pg_prepared_xacts AS p
WHERE p.database = pg_catalog.current_database()
ORDER BY since NULLS LAST

-- name: slots
-- Replication slots that keep VACUUM from removing rows, the oldest first, with their age in transactions.
SELECT s.slot_name::pg_catalog.text, s.active,
       pg_catalog.age(COALESCE(s.xmin, s.catalog_xmin))::pg_catalog.int8
FROM pg_catalog.pg_replication_slots AS s
WHERE s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL
ORDER BY 3 DESC
LIMIT 10
