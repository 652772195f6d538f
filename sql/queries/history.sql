-- name: system
-- Which cluster this is. Managed servers may not tell.
SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s

-- name: timeline
-- The timeline that is written now, in hexadecimal: the first eight digits of a WAL file's name. The control file has
-- that of the last checkpoint, which a promotion precedes.
SELECT pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8)

-- name: adopt
-- The history goes on under another timeline: nothing that receivers have was lost.
UPDATE cdc.feed_state SET history = %(history)s, generation = generation + 1 WHERE feed = %(feed)s

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
