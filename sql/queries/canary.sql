-- name: exists
-- Whether the row's table is there: the migration that makes it is a part of `install`.
SELECT pg_catalog.to_regclass('cdc.canary') IS NOT NULL

-- name: beat
-- Changes the row of the canary.
UPDATE cdc.canary SET beats = beats + 1, beat_at = pg_catalog.clock_timestamp()
