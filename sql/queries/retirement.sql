-- name: sinks
-- The sinks that received documents of a feed.
SELECT s.sink FROM cdc.sink_state AS s WHERE s.feed = %(feed)s AND s.delivered > 0 ORDER BY 1

-- name: keys
-- Every key that a sink received, as it was delivered: stored keys, and obsolete ones.
SELECT (SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {keys}) AS k)::pg_catalog.text FROM cdc.{feed} AS f
UNION ALL
SELECT l.key FROM cdc.obsolete_key AS l WHERE l.sink = {sink} AND l.feed = {name}
