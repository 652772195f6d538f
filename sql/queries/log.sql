-- name: last_revision
-- The newest entry of one segment.
SELECT pg_catalog.max(l.revision) FROM cdc.{segment} AS l
