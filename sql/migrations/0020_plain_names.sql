-- Public names in plain words, one word for one idea.

-- "History" means the history of documents. A cursor belongs to an incarnation of the database: one cluster, timeline
-- and database.
ALTER TABLE cdc.feed_state RENAME COLUMN history TO incarnation;
UPDATE cdc.resync SET reason = 'incarnation changed' WHERE reason = 'history changed';

-- The entities of a feed that wait for recomputation are its backlog. A feed's name has small letters, digits and _ only,
-- so it needs no quotes.
ALTER TABLE cdc.feed_state RENAME COLUMN pending_position TO backlog_position;
ALTER TABLE cdc.feed_state RENAME COLUMN pending_end TO backlog_end;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT f.feed FROM cdc.feed_state AS f LOOP
        EXECUTE pg_catalog.format('ALTER TABLE IF EXISTS cdc.pending_%1$s RENAME TO backlog_%1$s', name);
        EXECUTE pg_catalog.format('ALTER SEQUENCE IF EXISTS cdc.pending_%1$s_position_seq RENAME TO backlog_%1$s_position_seq', name);
        EXECUTE pg_catalog.format('ALTER INDEX IF EXISTS cdc.pending_%1$s_pkey RENAME TO backlog_%1$s_pkey', name);
    END LOOP;
END
$$;

-- Keys under which sinks hold documents, and that are no keys of the feed any more.
ALTER TABLE cdc.leftover RENAME TO obsolete_key;
ALTER SEQUENCE cdc.leftover_id_seq RENAME TO obsolete_key_id_seq;
ALTER INDEX cdc.leftover_pkey RENAME TO obsolete_key_pkey;
ALTER INDEX cdc.leftover_of RENAME TO obsolete_key_of;

-- As in migration 19, with the new reason.
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
           WHERE r.feed = s.feed AND r.finished_at IS NULL
             AND r.reason IN ('incarnation changed', 'first sync', 'keys renamed')
       )) AS awaited
FROM cdc.sink_state AS s JOIN cdc.feed_state AS f ON f.feed = s.feed;
