-- Which daemons there are, so that one can tell after a failover whether another may have delivered what is lost; and
-- where each sink's documents went.

-- Digest of the settings that say where a sink's documents go: when it changes, the new target has nothing yet.
ALTER TABLE cdc.sink_state ADD COLUMN target text;

-- A daemon is here while it runs, and a day longer where it ended without a goodbye.
CREATE TABLE cdc.daemon (
    -- A name for its state_dir, which stays the same over restarts; and the number of its process.
    id      text        PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
