-- name: pin
-- Sets one setting for the whole session, its value as a parameter.
SELECT pg_catalog.set_config(%(name)s, %(value)s, false)

-- name: pin_for_transaction
-- The same until the transaction ends.
SELECT pg_catalog.set_config(%(name)s, %(value)s, true)

-- name: find_names
-- The search path of the rest of this transaction.
SELECT pg_catalog.set_config('search_path', %(schemas)s, true)

-- name: set_path
-- The same in a script: it has no answer.
SET LOCAL search_path = {schemas}

-- name: export_snapshot
-- For another session to take, as long as this transaction lasts.
SELECT pg_catalog.pg_export_snapshot()

-- name: take_snapshot
-- This session sees what the session that exported the snapshot sees.
SET TRANSACTION SNAPSHOT {snapshot}

-- name: backend
-- By which the server knows this session. A process ID alone may be another server's after a failover; libpq's
-- is a pooler's.
SELECT a.pid, a.backend_start::pg_catalog.text FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = pg_catalog.pg_backend_pid()

-- name: activity
-- Whether the server is at work on a session's statement; no row if it has no such session. A role may always look at
-- its own. Without `track_activities` nothing can be said. (Asked in a session whose search path is not pinned.)
SELECT COALESCE(
           a.state OPERATOR(pg_catalog.=) ANY ('{{active,fastpath function call,disabled}}'::pg_catalog.text[]), true
       ) AND (a.wait_event_type OPERATOR(pg_catalog.=) 'Client') IS NOT TRUE
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid OPERATOR(pg_catalog.=) %(pid)s
  AND a.backend_start OPERATOR(pg_catalog.=) %(started)s::pg_catalog.timestamptz

-- name: sign_of_life
-- So that the server does not take a session that waits for another one for abandoned.
SELECT 1

-- name: process
-- The process that serves this session.
SELECT pg_catalog.pg_backend_pid()

-- name: leave_mark
-- Sets something that only this session can see, if it is one.
SELECT pg_catalog.set_config('cdc_daemon.mark', 'set', false)

-- name: read_mark
-- Whether this server session carries the mark of another client: a pooler shares it.
SELECT pg_catalog.length(pg_catalog.current_setting('cdc_daemon.mark', true)) OPERATOR(pg_catalog.>) 0

-- name: wipe_mark
-- Takes the mark off, before the session may go back to a pooler.
SELECT pg_catalog.set_config('cdc_daemon.mark', '', false)
