-- name: keys
-- A part of `sink_state.lease`: values by key column of the documents that are to be logged now, as text; NULL: of none;
-- a JSON null among them: of all.
(SELECT pg_catalog.json_agg(p.key) FROM cdc.payload_log AS p
 WHERE p.feed = %(feed)s AND p.until > pg_catalog.clock_timestamp())

-- name: ask
-- Asks for the documents of a feed, or of one key, for some time.
INSERT INTO cdc.payload_log (feed, key, until)
VALUES (%(feed)s, %(key)s::jsonb, pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s))
RETURNING until

-- name: end
-- Ends what was asked for a feed; what has run out goes too.
DELETE FROM cdc.payload_log WHERE feed = %(feed)s OR until < pg_catalog.clock_timestamp()

