-- name: running
-- The sessions of daemons that work on this database: who, from where, since when. Commands have other names.
SELECT pg_catalog.min(a.pid), a.usename::pg_catalog.text, COALESCE(pg_catalog.host(a.client_addr), 'this machine'),
       pg_catalog.count(*)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
  AND a.application_name OPERATOR(pg_catalog.~) '^cdc-daemon: (feed|sink|watcher|rotator)'
GROUP BY 2, 3
ORDER BY 1

-- name: here
-- This daemon runs. Those that have given no sign of life for a day don't.
WITH gone AS (
    DELETE FROM cdc.daemon WHERE id <> %(id)s AND seen_at < pg_catalog.clock_timestamp() - interval '1 day'
)
INSERT INTO cdc.daemon (id) VALUES (%(id)s)
ON CONFLICT (id) DO UPDATE SET seen_at = pg_catalog.clock_timestamp()

-- name: away
-- This daemon has stopped, with everything that it did committed before.
DELETE FROM cdc.daemon WHERE id = %(id)s

-- name: is_alone
-- Whether every daemon that may have delivered something has this state_dir.
SELECT NOT EXISTS (SELECT FROM cdc.daemon AS d WHERE pg_catalog.split_part(d.id, '/', 1) <> %(id)s)
