-- The fixed objects of schema cdc: what does not depend on any feed or source table.
CREATE SCHEMA cdc;

-- Which migrations have run.
CREATE TABLE cdc.migration (
    number     integer     PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

-- What is installed on each source table: the columns that capture carries (links) and compares (columns).
CREATE TABLE cdc.source (
    schema_name  text        NOT NULL,
    table_name   text        NOT NULL,
    relation     oid         NOT NULL,
    changelog    text        NOT NULL,
    function     text        NOT NULL,
    links        text[]      NOT NULL,
    columns      text[]      NOT NULL,
    -- md5 of the capture function's body: a body that somebody replaced by hand differs.
    body         text        NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (schema_name, table_name)
);

-- One row a feed: its cursor, and the lock that elects who writes the feed.
-- Every transaction that writes a feed UPDATEs its row (generation + 1): a row that is only locked and
-- released is granted silently to a REPEATABLE READ transaction with an older snapshot, which then writes
-- an older document over a newer one. An update raises 40001 there instead.
CREATE TABLE cdc.feed_state (
    feed             text        PRIMARY KEY,
    definition       text        NOT NULL,
    sources          text[]      NOT NULL,
    columns          text[]      NOT NULL,
    -- NULL until the first sync starts, and again when only a resync can make the feed right.
    cursor           pg_snapshot,
    cursor_at        timestamptz,
    fingerprint      text,
    -- The history that the cursor belongs to: a snapshot means nothing in a restored or copied database.
    history          text,
    generation       bigint      NOT NULL DEFAULT 0,
    -- The last revision that a committed transaction gave out: sinks are done when they have it.
    revision         bigint      NOT NULL DEFAULT 0,
    -- Pending entities up to this position have been recomputed.
    pending_position bigint      NOT NULL DEFAULT 0,
    pending_end      bigint      NOT NULL DEFAULT 0,
    synced_at        timestamptz,
    stopped_reason   text,
    stopped_at       timestamptz,
    last_pass        jsonb,
    last_pass_at     timestamptz
);

-- One row a sink and feed: how far the sink has the feed.
-- A feed's writers are serialised by its state row, so revisions are numbered in commit order and a plain
-- number is an exact cursor here (docs/decisions/0002-revision-cursors.md).
CREATE TABLE cdc.sink_state (
    sink         text        NOT NULL,
    feed         text        NOT NULL,
    -- Every change up to this revision is delivered or superseded by a later one.
    revision     bigint      NOT NULL DEFAULT 0,
    -- Where the sink last had everything: fields changed since then are reported as changed.
    caught_up    bigint      NOT NULL DEFAULT 0,
    -- While it scans the feed table instead of the log: the last key it had, and the revision to reach.
    scan_key     jsonb,
    scan_until   bigint,
    leased_by    text,
    leased_until timestamptz,
    attempts     integer     NOT NULL DEFAULT 0,
    failure      text,
    failed_at    timestamptz,
    delivered    bigint      NOT NULL DEFAULT 0,
    delivered_at timestamptz,
    PRIMARY KEY (sink, feed)
);

-- Documents that a sink refused, each alone.
CREATE TABLE cdc.failed_item (
    sink            text        NOT NULL,
    feed            text        NOT NULL,
    key             jsonb       NOT NULL,
    revision        bigint      NOT NULL,
    attempts        integer     NOT NULL DEFAULT 1,
    reason          text        NOT NULL,
    first_failed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    next_attempt_at timestamptz,
    PRIMARY KEY (sink, feed, key)
);

-- One row a request to recompute: progress is feed_state.pending_position between first and last.
CREATE TABLE cdc.resync (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed           text        NOT NULL REFERENCES cdc.feed_state ON DELETE CASCADE,
    reason         text        NOT NULL,
    force          boolean     NOT NULL DEFAULT false,
    entities       bigint      NOT NULL,
    first_position bigint      NOT NULL,
    last_position  bigint      NOT NULL,
    requested_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    finished_at    timestamptz
);
