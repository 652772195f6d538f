-- How far the verification in the background has come, and what it found.

CREATE TABLE cdc.verification (
    feed        text NOT NULL REFERENCES cdc.feed_state ON DELETE CASCADE,
    -- '': the stored documents; otherwise the sink whose receiver is read.
    sink        text NOT NULL DEFAULT '',
    -- The last verified entity of the present round, its values as PostgreSQL writes them. NULL: at the beginning.
    position    text[],
    began_at    timestamptz,
    documents   bigint NOT NULL DEFAULT 0,
    differences bigint NOT NULL DEFAULT 0,
    -- Documents with a difference that a change on its way may explain.
    waiting     bigint NOT NULL DEFAULT 0,
    -- The last whole round.
    finished_at timestamptz,
    last_seconds     double precision,
    last_documents   bigint,
    last_differences bigint,
    -- Why it could not be verified the last time.
    failure     text,
    -- The daemon that works on it. Another one may take it after that time.
    claimed_by  text,
    claimed_until timestamptz,
    PRIMARY KEY (feed, sink)
);
