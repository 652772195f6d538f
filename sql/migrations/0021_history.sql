-- The history of documents: which pass stored each revision and why, and when each sink got it.

-- Eight segments take the rows in turn. Old rows go by TRUNCATE of a whole segment: a DELETE would leave dead rows
-- behind, and an open reader would keep them there. began_at: since when the segment takes rows; NULL: it is empty.
CREATE TABLE cdc.history_segment (
    number   smallint    PRIMARY KEY,
    began_at timestamptz
);
INSERT INTO cdc.history_segment (number, began_at)
SELECT n, CASE WHEN n = 0 THEN pg_catalog.clock_timestamp() END FROM pg_catalog.generate_series(0, 7) AS n;

-- One row a pass of a feed that recomputed something.
CREATE TABLE cdc.history_pass (
    segment        smallint    NOT NULL,
    feed           text        NOT NULL,
    -- feed_state.generation as the pass left it.
    pass           bigint      NOT NULL,
    -- The pass gave out the revisions above the first and up to the second; none if they are equal.
    after_revision bigint      NOT NULL,
    last_revision  bigint      NOT NULL,
    -- fresh, or backlog for a chunk of the backlog.
    kind           text        NOT NULL,
    -- When the oldest change was captured, and when the pass stored its documents.
    captured_at    timestamptz,
    stored_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    entities       integer     NOT NULL,
    documents      integer     NOT NULL,
    upserts        integer     NOT NULL,
    deletes        integer     NOT NULL,
    -- What the pass read: [table, operation, transaction, rows, captured_at, application, user] for each table and
    -- transaction. Of more than `causes` names there are `transactions` in all.
    causes         json        NOT NULL,
    transactions   integer     NOT NULL,
    -- A fresh pass that put entities into the backlog: the request (cdc.resync.id). A chunk: the requests it served.
    requested      bigint,
    served         bigint[],
    -- Digests of the recomputed entities; NULL if there were too many.
    touched        integer[]
) PARTITION BY LIST (segment);

-- One row a statement that changed documents. A document without a former revision is in no row: the range of its
-- pass says the same.
CREATE TABLE cdc.history_change (
    segment       smallint NOT NULL,
    feed          text     NOT NULL,
    last_revision bigint   NOT NULL,
    revisions     bigint[] NOT NULL,
    -- At the same places: each document's former revision, and the names of the fields that changed.
    previous      bigint[] NOT NULL,
    changed       json     NOT NULL
) PARTITION BY LIST (segment);

-- One row a page of records that a sink took, or a record that it refused, or took at a later attempt.
CREATE TABLE cdc.history_delivery (
    segment        smallint    NOT NULL,
    sink           text        NOT NULL,
    feed           text        NOT NULL,
    -- The page had the feed's revisions above the first and up to the second.
    after_revision bigint      NOT NULL,
    last_revision  bigint      NOT NULL,
    -- page (of the log), scan (a page of a scan of the stored feed), taken or refused (one record).
    kind           text        NOT NULL,
    -- The number of the full snapshot that the scan belongs to.
    snapshot       bigint,
    records        integer     NOT NULL,
    -- The receiver's words for a refusal.
    answer         text,
    delivered_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
) PARTITION BY LIST (segment);

CREATE TABLE cdc.history_pass_0 PARTITION OF cdc.history_pass FOR VALUES IN (0);
CREATE TABLE cdc.history_pass_1 PARTITION OF cdc.history_pass FOR VALUES IN (1);
CREATE TABLE cdc.history_pass_2 PARTITION OF cdc.history_pass FOR VALUES IN (2);
CREATE TABLE cdc.history_pass_3 PARTITION OF cdc.history_pass FOR VALUES IN (3);
CREATE TABLE cdc.history_pass_4 PARTITION OF cdc.history_pass FOR VALUES IN (4);
CREATE TABLE cdc.history_pass_5 PARTITION OF cdc.history_pass FOR VALUES IN (5);
CREATE TABLE cdc.history_pass_6 PARTITION OF cdc.history_pass FOR VALUES IN (6);
CREATE TABLE cdc.history_pass_7 PARTITION OF cdc.history_pass FOR VALUES IN (7);

CREATE TABLE cdc.history_change_0 PARTITION OF cdc.history_change FOR VALUES IN (0);
CREATE TABLE cdc.history_change_1 PARTITION OF cdc.history_change FOR VALUES IN (1);
CREATE TABLE cdc.history_change_2 PARTITION OF cdc.history_change FOR VALUES IN (2);
CREATE TABLE cdc.history_change_3 PARTITION OF cdc.history_change FOR VALUES IN (3);
CREATE TABLE cdc.history_change_4 PARTITION OF cdc.history_change FOR VALUES IN (4);
CREATE TABLE cdc.history_change_5 PARTITION OF cdc.history_change FOR VALUES IN (5);
CREATE TABLE cdc.history_change_6 PARTITION OF cdc.history_change FOR VALUES IN (6);
CREATE TABLE cdc.history_change_7 PARTITION OF cdc.history_change FOR VALUES IN (7);

CREATE TABLE cdc.history_delivery_0 PARTITION OF cdc.history_delivery FOR VALUES IN (0);
CREATE TABLE cdc.history_delivery_1 PARTITION OF cdc.history_delivery FOR VALUES IN (1);
CREATE TABLE cdc.history_delivery_2 PARTITION OF cdc.history_delivery FOR VALUES IN (2);
CREATE TABLE cdc.history_delivery_3 PARTITION OF cdc.history_delivery FOR VALUES IN (3);
CREATE TABLE cdc.history_delivery_4 PARTITION OF cdc.history_delivery FOR VALUES IN (4);
CREATE TABLE cdc.history_delivery_5 PARTITION OF cdc.history_delivery FOR VALUES IN (5);
CREATE TABLE cdc.history_delivery_6 PARTITION OF cdc.history_delivery FOR VALUES IN (6);
CREATE TABLE cdc.history_delivery_7 PARTITION OF cdc.history_delivery FOR VALUES IN (7);

-- Each segment has indexes of its own. An index of the whole table would be attached to those of the segments, and
-- `pg_restore --clean` can't drop an attached one.
DO $indexes$ BEGIN
    FOR number IN 0 .. 7 LOOP
        EXECUTE pg_catalog.format(
            'ALTER TABLE cdc.history_pass_%s ADD PRIMARY KEY (feed, last_revision, pass)', number);
        -- Finds the passes that recomputed an entity. Without fastupdate: some pass would have to merge all waiting
        -- digests.
        EXECUTE pg_catalog.format(
            'CREATE INDEX history_pass_%s_touched ON cdc.history_pass_%s USING gin (touched) WITH (fastupdate = off)',
            number, number);
        -- Finds the causes of a chunk: the pass that put its entities into the backlog.
        EXECUTE pg_catalog.format(
            'CREATE INDEX history_pass_%s_requested ON cdc.history_pass_%s (feed, requested) WHERE requested IS NOT NULL',
            number, number);
        EXECUTE pg_catalog.format(
            'ALTER TABLE cdc.history_change_%s ADD PRIMARY KEY (feed, last_revision)', number);
        EXECUTE pg_catalog.format(
            'ALTER TABLE cdc.history_delivery_%s ADD PRIMARY KEY (feed, sink, last_revision, delivered_at)', number);
    END LOOP;
END $indexes$;

-- Whether entries carry the application_name and the session user of the writer.
ALTER TABLE cdc.source ADD COLUMN context boolean NOT NULL DEFAULT false;

-- What an entry tells of the statement, in changelogs that there are. No link column has such a name.
DO $columns$
DECLARE
    changelog text;
BEGIN
    FOR changelog IN SELECT DISTINCT s.changelog FROM cdc.source AS s LOOP
        EXECUTE pg_catalog.format(
            'ALTER TABLE IF EXISTS cdc.%I ADD COLUMN IF NOT EXISTS "cdc$operation" "char",'
            ' ADD COLUMN IF NOT EXISTS "cdc$application" text, ADD COLUMN IF NOT EXISTS "cdc$user" text', changelog);
    END LOOP;
END $columns$;
