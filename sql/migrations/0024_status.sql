-- `status` tells which daemons run, since when something fails and when it is tried again, and counts no rows.

-- A daemon describes itself here. NULL: an earlier version, or `run --once`. `backend_pid` and `backend_start` name its
-- watcher's session: PostgreSQL ends the session of a killed process at once, so no heartbeat has to run out.
ALTER TABLE cdc.daemon
    ADD COLUMN name          text,
    ADD COLUMN host          text,
    ADD COLUMN pid           integer,
    ADD COLUMN version       text,
    ADD COLUMN started_at    timestamptz,
    -- The process as leases and passes name it.
    ADD COLUMN process       text,
    ADD COLUMN feeds         text[],
    ADD COLUMN sinks         text[],
    ADD COLUMN backend_pid   integer,
    ADD COLUMN backend_start timestamptz;

-- The transaction that writes documents also counts them. The counts hold while `counted_revision = revision`: a daemon
-- of an earlier version moves the revision alone, and the next pass counts anew.
ALTER TABLE cdc.feed_state
    ADD COLUMN documents        bigint NOT NULL DEFAULT 0,
    ADD COLUMN tombstones       bigint NOT NULL DEFAULT 0,
    ADD COLUMN counted_revision bigint,
    -- The process that made the last pass.
    ADD COLUMN passed_by        text,
    -- When a stopped feed is tried again.
    ADD COLUMN retry_at         timestamptz;

-- When a sink that takes nothing is tried again.
ALTER TABLE cdc.sink_state ADD COLUMN retry_at timestamptz;

-- The database role and the user of the operating system that paused a delivery.
ALTER TABLE cdc.delivery_pause ADD COLUMN paused_by text, ADD COLUMN os_user text;

-- Sums over a minute or ten, for rates and charts. There is no row for a time in which nothing happened. Times are
-- counted in classes (cdc_daemon/workers/samples.py has their limits), so that sums of rows still have percentiles.
CREATE TABLE cdc.feed_sample (
    feed       text        NOT NULL,
    seconds    integer     NOT NULL,
    began_at   timestamptz NOT NULL,
    passes     bigint      NOT NULL,
    captured   bigint      NOT NULL,
    recomputed bigint      NOT NULL,
    unchanged  bigint      NOT NULL,
    changed    bigint      NOT NULL,
    lag        bigint[]    NOT NULL,
    pass_time  bigint[]    NOT NULL,
    PRIMARY KEY (feed, seconds, began_at)
);

CREATE INDEX feed_sample_age ON cdc.feed_sample (seconds, began_at);

CREATE TABLE cdc.delivery_sample (
    sink       text        NOT NULL,
    feed       text        NOT NULL,
    seconds    integer     NOT NULL,
    began_at   timestamptz NOT NULL,
    batches    bigint      NOT NULL,
    delivered  bigint      NOT NULL,
    bytes      bigint      NOT NULL,
    failures   bigint      NOT NULL,
    lag        bigint[]    NOT NULL,
    send_time  bigint[]    NOT NULL,
    PRIMARY KEY (sink, feed, seconds, began_at)
);

CREATE INDEX delivery_sample_age ON cdc.delivery_sample (seconds, began_at);
