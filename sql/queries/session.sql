-- name: pin
-- Sets one setting for the whole session, its value as a parameter.
SELECT pg_catalog.set_config(%(name)s, %(value)s, false)

-- name: export_snapshot
-- For another session to take, as long as this transaction lasts.
SELECT pg_catalog.pg_export_snapshot()

-- name: take_snapshot
SET TRANSACTION SNAPSHOT {snapshot}
