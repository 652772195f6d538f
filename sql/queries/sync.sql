-- name: lock_sources
-- Before the snapshot is taken: a table that is rewritten or truncated after it would look empty to us.
LOCK TABLE {tables} IN ACCESS SHARE MODE

-- name: restart_revisions
-- A restored or copied database: receivers hold revisions of a future that is gone. The epoch stands in the
-- bits from 40 up, so that numbers stay exact in receivers that read them as doubles.
SELECT pg_catalog.setval({revision}::pg_catalog.regclass, ((%(revision)s::int8 >> 40) + 1) << 40)
