-- name: system
-- The identifier of the cluster. Managed servers may not reveal it.
SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s

-- name: timeline
-- The current timeline, in hexadecimal: the first eight digits of the WAL file's name. The control file has the
-- timeline of the last checkpoint, which is older than a promotion.
SELECT pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8)

-- name: adopt
-- Continues the incarnation on another timeline: no document that receivers have was lost.
UPDATE cdc.feed_state SET incarnation = %(incarnation)s, generation = generation + 1 WHERE feed = %(feed)s
