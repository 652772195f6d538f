-- name: limit_time
-- For this transaction only: a sample must not take longer than a person waits.
SELECT pg_catalog.set_config('statement_timeout', %(milliseconds)s::pg_catalog.text, true)

-- name: create_delta
-- The delta of one changed row of a table, with statistics: a plan for a delta of unknown size would be another.
CREATE TEMPORARY TABLE delta ON COMMIT DROP AS
SELECT {links} FROM {table} LIMIT 1

-- name: analyze_delta
-- Tells the planner how few rows the sample delta has.
ANALYZE pg_temp.delta

-- name: route
-- PostgreSQL's plan for a route.
EXPLAIN (FORMAT JSON) {route}

-- name: planned_rows
-- How many different entities are expected of one changed row. Which row is not said: any.
EXPLAIN (FORMAT JSON)
WITH delta AS MATERIALIZED (SELECT {links} FROM {table} LIMIT 1)
SELECT DISTINCT * FROM (
{route}
) AS r

-- name: sample_stored
-- An entity of the stored feed.
SELECT {texts} FROM cdc.{feed} AS q WHERE NOT q.deleted LIMIT 1

-- name: is_stored
-- Whether a feed has a table, so that its statements can be explained.
SELECT pg_catalog.to_regclass(%(name)s) IS NOT NULL

-- name: sample
-- An entity that the query yields.
SELECT {texts} FROM (
{query}
) AS q LIMIT 1

-- name: recompute
-- How the rows of some entities are found, as when they are recomputed.
EXPLAIN (FORMAT JSON)
SELECT * FROM (
{query}
) AS q
WHERE {affected}
