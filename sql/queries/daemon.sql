-- name: running
-- The sessions of the daemons that work on this database: role, address, number. Commands have other application
-- names.
SELECT pg_catalog.min(a.pid), a.usename::pg_catalog.text, COALESCE(pg_catalog.host(a.client_addr), 'this machine'),
       pg_catalog.count(*)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
  AND a.application_name OPERATOR(pg_catalog.~) '^cdc-daemon: (feed|sink|watcher|rotator)'
GROUP BY 2, 3
ORDER BY 1

-- name: here
-- Records that this daemon runs. Forgets daemons without a sign of life for a day.
WITH gone AS (
    DELETE FROM cdc.daemon WHERE id <> %(id)s AND seen_at < pg_catalog.clock_timestamp() - interval '1 day'
)
INSERT INTO cdc.daemon (id) VALUES (%(id)s)
ON CONFLICT (id) DO UPDATE SET seen_at = pg_catalog.clock_timestamp()

-- name: away
-- Records that this daemon has stopped, after it committed all its work.
DELETE FROM cdc.daemon WHERE id = %(id)s

-- name: is_alone
-- Whether every daemon that may have delivered something has this state_dir.
SELECT NOT EXISTS (SELECT FROM cdc.daemon AS d WHERE pg_catalog.split_part(d.id, '/', 1) <> %(id)s)

-- name: show
-- A daemon describes itself, and names this session as the sign that it runs. Rows of earlier processes with the same
-- state_dir go, unless their sessions still live.
WITH gone AS (
    DELETE FROM cdc.daemon AS d
    WHERE d.id <> %(id)s AND d.backend_pid IS NOT NULL
      AND pg_catalog.split_part(d.id, '/', 1) = pg_catalog.split_part(%(id)s, '/', 1)
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_stat_activity AS a
          WHERE a.pid = d.backend_pid AND a.application_name = 'cdc-daemon: watcher'
      )
)
INSERT INTO cdc.daemon AS d
    (id, name, host, pid, version, process, started_at, feeds, sinks, targets, backend_pid, backend_start)
SELECT %(id)s, %(name)s, %(host)s, %(pid)s, %(version)s, %(process)s,
       pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(seconds)s), %(feeds)s, %(sinks)s,
       %(targets)s::jsonb, a.pid, a.backend_start
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = pg_catalog.pg_backend_pid()
ON CONFLICT (id) DO UPDATE
SET seen_at = pg_catalog.clock_timestamp(), name = EXCLUDED.name, host = EXCLUDED.host, pid = EXCLUDED.pid,
    version = EXCLUDED.version, process = EXCLUDED.process, feeds = EXCLUDED.feeds, sinks = EXCLUDED.sinks, targets = EXCLUDED.targets,
    started_at = COALESCE(d.started_at, EXCLUDED.started_at),
    backend_pid = EXCLUDED.backend_pid, backend_start = EXCLUDED.backend_start

-- name: known
-- Daemons that have described themselves. One runs as long as its watcher's session lives. The watcher asks something
-- every few moments: its last question is a heartbeat that costs nothing. A role that may not see when a session of
-- another role asked has the last sign of life that the daemon wrote itself. Seconds are by the server's clock.
SELECT d.name, d.host, d.pid, d.version, d.started_at, d.feeds, d.sinks,
       ARRAY(SELECT f.feed FROM cdc.feed_state AS f WHERE f.passed_by = d.process ORDER BY 1) AS passed,
       ARRAY(SELECT s.sink || '/' || s.feed FROM cdc.sink_state AS s WHERE s.leased_by = d.process ORDER BY 1) AS delivers,
       a.pid IS NOT NULL AS connected, h.beat_at,
       CASE WHEN a.state = 'active' THEN 0::pg_catalog.float8
            ELSE EXTRACT(epoch FROM pg_catalog.clock_timestamp() - h.beat_at)::pg_catalog.float8 END AS silent_seconds
FROM cdc.daemon AS d
LEFT JOIN pg_catalog.pg_stat_activity AS a
  ON a.pid = d.backend_pid AND a.datname = pg_catalog.current_database() AND a.application_name = 'cdc-daemon: watcher'
 AND (a.backend_start IS NULL OR a.backend_start = d.backend_start)
CROSS JOIN LATERAL (SELECT GREATEST(d.seen_at, a.query_start, a.state_change) AS beat_at) AS h
WHERE d.backend_pid IS NOT NULL
ORDER BY d.started_at, d.id

-- name: delivers_elsewhere
-- Another daemon that runs and whose configuration has the target to which the sink is delivered now, if this target is
-- not the given one.
SELECT d.host, d.pid
FROM cdc.sink_state AS s
JOIN cdc.daemon AS d ON d.targets ->> s.sink = s.target
JOIN pg_catalog.pg_stat_activity AS a
  ON a.pid = d.backend_pid AND a.datname = pg_catalog.current_database() AND a.application_name = 'cdc-daemon: watcher'
 AND (a.backend_start IS NULL OR a.backend_start = d.backend_start)
WHERE s.sink = %(sink)s AND s.feed = %(feed)s AND s.target <> %(target)s AND d.process <> %(process)s
ORDER BY d.started_at
LIMIT 1

-- name: others
-- Sessions that work on these feeds and belong to no daemon that has described itself: of `run --once`, of `resync`, or
-- of a daemon of an earlier version.
SELECT pg_catalog.min(a.pid), a.usename::pg_catalog.text, COALESCE(pg_catalog.host(a.client_addr), 'this machine')
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = pg_catalog.current_database() AND a.application_name = ANY (%(names)s)
GROUP BY 2, 3
ORDER BY 1
