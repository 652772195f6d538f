-- name: record
-- Records an act, in the transaction of the act if it has one.
INSERT INTO cdc.audit (act, os_user, web_user, feed, sink, arguments, outcome)
VALUES (%(act)s, %(os_user)s, %(web_user)s, %(feed)s, %(sink)s, %(arguments)s::jsonb, %(outcome)s)

-- name: script
-- The last statement of an installer's script records the act, with the role that runs the script.
INSERT INTO cdc.audit (act, arguments, outcome)
VALUES ('install', {arguments}::pg_catalog.jsonb, {outcome}::pg_catalog.text)

-- name: acts
-- Acts, the latest first. An act without a feed or sink was about all of them.
SELECT a.at, a.act, a.role, a.os_user, a.web_user, a.feed, a.sink, a.arguments, a.outcome
FROM cdc.audit AS a
WHERE (%(act)s::text IS NULL OR a.act = %(act)s)
  AND (%(feed)s::text IS NULL OR a.feed = %(feed)s OR a.feed IS NULL)
  AND (%(sink)s::text IS NULL OR a.sink = %(sink)s OR a.sink IS NULL)
  AND (%(user)s::text IS NULL OR %(user)s IN (a.role, a.os_user, a.web_user))
  AND (%(since)s::timestamptz IS NULL OR a.at >= %(since)s)
ORDER BY a.at DESC, a.id DESC
LIMIT %(limit)s

-- name: forget
-- Removes old acts. Persons act rarely, so this is no work for VACUUM.
DELETE FROM cdc.audit WHERE at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(days => %(days)s)
