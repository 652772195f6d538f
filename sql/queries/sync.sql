-- name: lock_sources
-- Locks the source tables before the snapshot: a table that is rewritten or truncated after the snapshot would look
-- empty.
LOCK TABLE {tables} IN ACCESS SHARE MODE

-- name: restart_revisions
-- After a restore or copy, receivers have revisions of a lost future. The present time in microseconds since 1970 is
-- above all of them. Receivers that read numbers as doubles read it exactly (until the year 2255).
SELECT pg_catalog.setval(
    {revision}::pg_catalog.regclass,
    GREATEST(s.last_value, %(above)s::pg_catalog.int8,
             (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8)
)
FROM cdc.{sequence} AS s

-- name: renew_tombstones
-- Gives tombstones new revisions. A receiver may have the document in a revision of the lost future, which is above
-- the old tombstone.
UPDATE cdc.{feed} SET revision = pg_catalog.nextval({revision}::pg_catalog.regclass) WHERE deleted
