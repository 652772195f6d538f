-- name: running
-- The sessions of daemons that work on this database: who, from where, since when. Commands have other names.
SELECT pg_catalog.min(a.pid), a.usename::pg_catalog.text, COALESCE(pg_catalog.host(a.client_addr), 'this machine'),
       pg_catalog.count(*)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
  AND a.application_name OPERATOR(pg_catalog.~) '^cdc-daemon: (feed|sink|watcher|rotator)'
GROUP BY 2, 3
ORDER BY 1
