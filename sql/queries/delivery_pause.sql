-- name: pause
-- Pauses a delivery, or gives a paused one another reason. Records who did it.
INSERT INTO cdc.delivery_pause (sink, feed, reason, paused_by, os_user)
VALUES (%(sink)s, %(feed)s, %(reason)s, session_user, %(os_user)s)
ON CONFLICT (sink, feed) DO UPDATE
SET reason = EXCLUDED.reason, paused_by = EXCLUDED.paused_by, os_user = EXCLUDED.os_user

-- name: resume
-- Ends a pause.
DELETE FROM cdc.delivery_pause WHERE sink = %(sink)s AND feed = %(feed)s

-- name: list
-- All pauses.
SELECT p.sink, p.feed, p.reason, p.paused_at, p.paused_by, p.os_user FROM cdc.delivery_pause AS p ORDER BY p.sink, p.feed

-- name: forget
-- Forgets the pause of a sink that was removed.
DELETE FROM cdc.delivery_pause WHERE sink = {sink} AND feed = {feed}
