-- name: pin
-- Sets one setting for the whole session, its value as a parameter.
SELECT pg_catalog.set_config(%(name)s, %(value)s, false)

-- name: pin_all
-- Sets many settings at once: a session has thirty, and each statement of its own would be a round trip.
SELECT pg_catalog.set_config(s.name, s.value, false)
FROM ROWS FROM (pg_catalog.unnest(%(names)s::pg_catalog.text[]), pg_catalog.unnest(%(values)s::pg_catalog.text[]))
     AS s (name, value)

-- name: waits
-- How long a statement of this session may last, and how long it may wait for a lock.
SELECT pg_catalog.current_setting('statement_timeout'), pg_catalog.current_setting('lock_timeout')

-- name: pin_for_transaction
-- The same until the transaction ends.
SELECT pg_catalog.set_config(%(name)s, %(value)s, true)

-- name: find_names
-- Sets the search path for the rest of this transaction.
SELECT pg_catalog.set_config('search_path', %(schemas)s, true)

-- name: set_path
-- The same without a result, for a script.
SET LOCAL search_path = {schemas}

-- name: export_snapshot
-- Exports the snapshot, for another session, until the end of this transaction.
SELECT pg_catalog.pg_export_snapshot()

-- name: take_snapshot
-- Imports the exported snapshot of another session.
SET TRANSACTION SNAPSHOT {snapshot}

-- name: backend
-- Identifies this session for the server. A process ID alone may belong to another server after a failover. libpq's
-- process ID is a pooler's.
SELECT a.pid, a.backend_start::pg_catalog.text
FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS a

-- name: activity
-- Whether the server works on a session's statement; no row if it has no such session. A role may always see its own
-- sessions. Without `track_activities` the answer is unknown. (Executed in a session without a pinned search path.)
SELECT COALESCE(
           a.state OPERATOR(pg_catalog.=) ANY ('{{active,fastpath function call,disabled}}'::pg_catalog.text[]), true
       ) AND (a.wait_event_type OPERATOR(pg_catalog.=) 'Client') IS NOT TRUE
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid OPERATOR(pg_catalog.=) %(pid)s
  AND a.backend_start OPERATOR(pg_catalog.=) %(started)s::pg_catalog.timestamptz

-- name: sign_of_life
-- Keeps the server from ending a session that waits for another one.
SELECT 1

-- name: process
-- The process that serves this session.
SELECT pg_catalog.pg_backend_pid()

-- name: leave_mark
-- Sets a value that only this server session has.
SELECT pg_catalog.set_config('cdc_daemon.mark', 'set', false)

-- name: read_mark
-- Whether this server session carries the mark of another client: a pooler shares it.
SELECT pg_catalog.length(pg_catalog.current_setting('cdc_daemon.mark', true)) OPERATOR(pg_catalog.>) 0

-- name: wipe_mark
-- Removes the mark, before a pooler may reuse the session.
SELECT pg_catalog.set_config('cdc_daemon.mark', '', false)
