-- name: system
-- Which cluster this is. Managed servers may not tell.
SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s

-- name: timeline
-- The timeline that is written now, in hexadecimal: the first eight digits of a WAL file's name. The control file has
-- that of the last checkpoint, which a promotion precedes.
SELECT pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8)

-- name: adopt
-- The incarnation goes on under another timeline: nothing that receivers have was lost.
UPDATE cdc.feed_state SET incarnation = %(incarnation)s, generation = generation + 1 WHERE feed = %(feed)s
