-- name: pause
-- Pauses a delivery, or gives a paused one another reason.
INSERT INTO cdc.delivery_pause (sink, feed, reason) VALUES (%(sink)s, %(feed)s, %(reason)s)
ON CONFLICT (sink, feed) DO UPDATE SET reason = EXCLUDED.reason

-- name: resume
-- Ends a pause.
DELETE FROM cdc.delivery_pause WHERE sink = %(sink)s AND feed = %(feed)s

-- name: list
-- Every pause, for a person.
SELECT p.sink, p.feed, p.reason, p.paused_at FROM cdc.delivery_pause AS p ORDER BY p.sink, p.feed

-- name: forget
-- Forgets the pause of a sink that was taken out.
DELETE FROM cdc.delivery_pause WHERE sink = {sink} AND feed = {feed}
