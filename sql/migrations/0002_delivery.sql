-- Failed items with what the target said, deliveries that pause or begin anew, and what targets hold.

-- The target's code for the refusal. An item without a next attempt is parked: it waits for a person or for a new
-- revision of its document.
ALTER TABLE cdc.failed_item ADD COLUMN status text;

CREATE INDEX failed_item_due ON cdc.failed_item (sink, feed, next_attempt_at);

-- A full snapshot was asked for; and: the scan under way is one. Its number is scan_until.
ALTER TABLE cdc.sink_state ADD COLUMN snapshot_wanted boolean NOT NULL DEFAULT false;
ALTER TABLE cdc.sink_state ADD COLUMN snapshot boolean NOT NULL DEFAULT false;

-- Deliveries that a person has paused; * stands for every sink or feed.
CREATE TABLE cdc.delivery_pause (
    sink      text        NOT NULL,
    feed      text        NOT NULL,
    reason    text,
    paused_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (sink, feed)
);

-- For sinks that deliver patches: every document that the target may have, the last one that it acknowledged first.
-- NULL among them: perhaps none, or one that we don't know.
CREATE TABLE cdc.delivered_document (
    sink      text   NOT NULL,
    feed      text   NOT NULL,
    key       jsonb  NOT NULL,
    documents text[] NOT NULL,
    PRIMARY KEY (sink, feed, key)
);

-- What each sink lacks of each feed, and whether it may have it now. After a restore it waits until every document
-- is recomputed: what is stored before that belongs to the past.
CREATE VIEW cdc.delivery AS
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
           WHERE r.feed = s.feed AND r.finished_at IS NULL AND r.reason = 'history changed'
       )) AS awaited
FROM cdc.sink_state AS s JOIN cdc.feed_state AS f ON f.feed = s.feed;
