-- Full snapshots have numbers and an end, sinks that were taken out are known when they come back, and what was
-- delivered under an earlier key is remembered until its delete was delivered.

-- The number of the last full snapshot that began, drawn from the feed's revisions: above every revision that was
-- committed before it, below every one that comes after it, and never given twice.
ALTER TABLE cdc.sink_state ADD COLUMN snapshot_number bigint NOT NULL DEFAULT 0;
UPDATE cdc.sink_state SET snapshot_number = scan_until WHERE snapshot AND scan_until IS NOT NULL;

-- Whether the full snapshot tells what is deleted: not to a sink that the feed never had before.
ALTER TABLE cdc.sink_state ADD COLUMN tell_deletes boolean NOT NULL DEFAULT true;

-- Records that the sink ignored because the target holds something newer.
ALTER TABLE cdc.sink_state ADD COLUMN ignored bigint NOT NULL DEFAULT 0;

-- Sinks that took a feed once and are configured no more. They still hold what they were given.
CREATE TABLE cdc.former_sink (
    sink text NOT NULL,
    feed text NOT NULL,
    PRIMARY KEY (sink, feed)
);

-- Keys under which a sink was given documents before the feed got another key or entity. A full snapshot tells the
-- sink to delete those that are no keys of the feed any more.
CREATE TABLE cdc.leftover (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sink text   NOT NULL,
    feed text   NOT NULL,
    -- The JSON object exactly as it was delivered: Kafka compares keys byte by byte.
    key  text   NOT NULL
);

CREATE INDEX leftover_of ON cdc.leftover (sink, feed, id);

-- A full snapshot waits until every document is computed: what it does not name is removed at its end.
CREATE OR REPLACE VIEW cdc.delivery AS
SELECT s.sink, s.feed, s.failure IS NOT NULL AS failing, s.leased_by, s.leased_until,
       s.revision < f.revision OR s.scan_until IS NOT NULL OR s.snapshot_wanted AS behind,
       EXISTS (
           SELECT FROM cdc.failed_item AS i
           WHERE i.sink = s.sink AND i.feed = s.feed AND i.next_attempt_at <= pg_catalog.clock_timestamp()
       ) AS due,
       EXISTS (
           SELECT FROM cdc.delivery_pause AS p WHERE p.sink IN (s.sink, '*') AND p.feed IN (s.feed, '*')
       ) AS paused,
       s.snapshot_wanted AND (f.cursor IS NULL OR EXISTS (
           SELECT FROM cdc.resync AS r
           WHERE r.feed = s.feed AND r.finished_at IS NULL AND r.reason IN ('history changed', 'first sync')
       )) AS awaited
FROM cdc.sink_state AS s JOIN cdc.feed_state AS f ON f.feed = s.feed;
