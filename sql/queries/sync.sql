-- name: lock_sources
-- Before the snapshot is taken: a table that is rewritten or truncated after it would look empty to us.
LOCK TABLE {tables} IN ACCESS SHARE MODE

-- name: restart_revisions
-- A restored or copied database: receivers hold revisions of a future that is gone. The present time in microseconds
-- since 1970 is above all of them, and exact in receivers that read numbers as doubles (until the year 2255).
SELECT pg_catalog.setval(
    {revision}::pg_catalog.regclass,
    GREATEST(s.last_value, %(above)s::pg_catalog.int8,
             (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8)
)
FROM cdc.{sequence} AS s

-- name: renew_tombstones
-- A receiver may hold the document in a revision of the future that is gone, which is above that of the tombstone.
UPDATE cdc.{feed} SET revision = pg_catalog.nextval({revision}::pg_catalog.regclass) WHERE deleted
