-- name: add_feeds
-- Adds sums to the present minute and the present ten minutes, to what other daemons and earlier rounds put there. In
-- order: two daemons that add to the same rows in different orders would lock each other out.
INSERT INTO cdc.feed_sample AS s (
    feed, seconds, began_at, passes, captured, recomputed, unchanged, changed, lag, pass_time
)
SELECT n.feed, w.seconds,
       pg_catalog.date_bin(pg_catalog.make_interval(secs => w.seconds), pg_catalog.clock_timestamp(), 'epoch'),
       n.passes, n.captured, n.recomputed, n.unchanged, n.changed, n.lag, n.pass_time
FROM pg_catalog.jsonb_to_recordset(%(samples)s::pg_catalog.jsonb) AS n (
    feed text, passes int8, captured int8, recomputed int8, unchanged int8, changed int8, lag int8[], pass_time int8[]
)
CROSS JOIN (VALUES (60), (600)) AS w (seconds)
ORDER BY n.feed, w.seconds
ON CONFLICT (feed, seconds, began_at) DO UPDATE
SET passes = s.passes + EXCLUDED.passes, captured = s.captured + EXCLUDED.captured,
    recomputed = s.recomputed + EXCLUDED.recomputed, unchanged = s.unchanged + EXCLUDED.unchanged,
    changed = s.changed + EXCLUDED.changed,
    lag = ARRAY(SELECT x.a + x.b FROM UNNEST(s.lag, EXCLUDED.lag) WITH ORDINALITY AS x (a, b, n) ORDER BY x.n),
    pass_time = ARRAY(
        SELECT x.a + x.b FROM UNNEST(s.pass_time, EXCLUDED.pass_time) WITH ORDINALITY AS x (a, b, n) ORDER BY x.n
    )

-- name: add_deliveries
-- The same for deliveries.
INSERT INTO cdc.delivery_sample AS s (
    sink, feed, seconds, began_at, batches, delivered, bytes, failures, lag, send_time, kinds
)
SELECT n.sink, n.feed, w.seconds,
       pg_catalog.date_bin(pg_catalog.make_interval(secs => w.seconds), pg_catalog.clock_timestamp(), 'epoch'),
       n.batches, n.delivered, n.bytes, n.failures, n.lag, n.send_time, n.kinds
FROM pg_catalog.jsonb_to_recordset(%(samples)s::pg_catalog.jsonb) AS n (
    sink text, feed text, batches int8, delivered int8, bytes int8, failures int8, lag int8[], send_time int8[],
    kinds jsonb
)
CROSS JOIN (VALUES (60), (600)) AS w (seconds)
ORDER BY n.sink, n.feed, w.seconds
ON CONFLICT (sink, feed, seconds, began_at) DO UPDATE
SET batches = s.batches + EXCLUDED.batches, delivered = s.delivered + EXCLUDED.delivered,
    bytes = s.bytes + EXCLUDED.bytes, failures = s.failures + EXCLUDED.failures,
    lag = ARRAY(SELECT x.a + x.b FROM UNNEST(s.lag, EXCLUDED.lag) WITH ORDINALITY AS x (a, b, n) ORDER BY x.n),
    send_time = ARRAY(
        SELECT x.a + x.b FROM UNNEST(s.send_time, EXCLUDED.send_time) WITH ORDINALITY AS x (a, b, n) ORDER BY x.n
    ),
    kinds = (
        SELECT COALESCE(pg_catalog.jsonb_object_agg(k.kind, k.number), '{{}}')
        FROM (
            SELECT e.key AS kind, pg_catalog.sum(e.value::pg_catalog.int8) AS number
            FROM (
                SELECT * FROM pg_catalog.jsonb_each_text(s.kinds)
                UNION ALL SELECT * FROM pg_catalog.jsonb_each_text(EXCLUDED.kinds)
            ) AS e
            GROUP BY e.key
        ) AS k
    )

-- name: forget_feeds
-- Minutes are kept for a day, tens of minutes for a week: some 2,500 rows for each feed at most.
DELETE FROM cdc.feed_sample AS s
WHERE s.seconds = 60 AND s.began_at < pg_catalog.now() - interval '25 hours'
   OR s.seconds = 600 AND s.began_at < pg_catalog.now() - interval '169 hours'

-- name: forget_deliveries
-- The same for deliveries.
DELETE FROM cdc.delivery_sample AS s
WHERE s.seconds = 60 AND s.began_at < pg_catalog.now() - interval '25 hours'
   OR s.seconds = 600 AND s.began_at < pg_catalog.now() - interval '169 hours'

-- name: feeds
-- A feed's samples of one width since so many seconds ago, the oldest first, with their age by the server's clock.
SELECT EXTRACT(epoch FROM pg_catalog.clock_timestamp() - s.began_at)::pg_catalog.float8 AS age, s.began_at, s.seconds, s.passes, s.captured, s.recomputed, s.unchanged, s.changed, s.lag, s.pass_time
FROM cdc.feed_sample AS s
WHERE s.feed = %(feed)s AND s.seconds = %(width)s
  AND s.began_at > pg_catalog.now() - pg_catalog.make_interval(secs => %(ago)s)
ORDER BY s.began_at

-- name: deliveries
-- The same of a delivery.
SELECT EXTRACT(epoch FROM pg_catalog.clock_timestamp() - s.began_at)::pg_catalog.float8 AS age, s.began_at, s.seconds, s.batches, s.delivered, s.bytes, s.failures, s.lag, s.send_time
FROM cdc.delivery_sample AS s
WHERE s.sink = %(sink)s AND s.feed = %(feed)s AND s.seconds = %(width)s
  AND s.began_at > pg_catalog.now() - pg_catalog.make_interval(secs => %(ago)s)
ORDER BY s.began_at

-- name: of_steps
-- A part of the next ones: samples of the last steps of the clock, the present one included. Steps are numbered, the oldest
-- is 0.
CROSS JOIN LATERAL (
    SELECT (%(steps)s::int4 - 1 - pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.now()) / %(step)s::int4)
            + pg_catalog.floor(EXTRACT(epoch FROM s.began_at) / %(step)s::int4))::int4 AS step
) AS n
WHERE s.seconds = 600
  AND s.began_at > pg_catalog.now() - pg_catalog.make_interval(secs => (%(step)s::int4 * %(steps)s::int4)::float8)
  AND n.step BETWEEN 0 AND %(steps)s::int4 - 1

-- name: feeds_by_step
-- The changed documents of every feed, by step.
SELECT s.feed, n.step, pg_catalog.sum(s.changed)::pg_catalog.int8
FROM cdc.feed_sample AS s
{of_steps}
GROUP BY s.feed, n.step
ORDER BY s.feed, n.step

-- name: deliveries_by_step
-- The same of deliveries.
SELECT s.sink, s.feed, n.step, pg_catalog.sum(s.delivered)::pg_catalog.int8
FROM cdc.delivery_sample AS s
{of_steps}
GROUP BY s.sink, s.feed, n.step
ORDER BY s.sink, s.feed, n.step

-- name: kinds
-- Tries at which a sink took nothing since so many seconds ago, by feed and kind.
SELECT s.feed, k.key, pg_catalog.sum(k.value::pg_catalog.int8)::pg_catalog.int8
FROM cdc.delivery_sample AS s CROSS JOIN LATERAL pg_catalog.jsonb_each_text(s.kinds) AS k
WHERE s.sink = %(sink)s AND s.seconds = %(width)s
  AND s.began_at > pg_catalog.now() - pg_catalog.make_interval(secs => %(ago)s)
GROUP BY s.feed, k.key
ORDER BY s.feed, k.key

-- name: work_of_sink
-- A sink's work since so many seconds ago, by feed.
SELECT s.feed, s.batches, s.delivered, s.bytes, s.failures, s.lag, s.send_time
FROM cdc.delivery_sample AS s
WHERE s.sink = %(sink)s AND s.seconds = %(width)s
  AND s.began_at > pg_catalog.now() - pg_catalog.make_interval(secs => %(ago)s)
