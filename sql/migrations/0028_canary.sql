-- One row that the daemon updates every few seconds, if `[canary]` asks for it: a change that takes the way of all others.
CREATE TABLE cdc.canary (
    id      smallint    PRIMARY KEY,
    beats   bigint      NOT NULL DEFAULT 0,
    beat_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
INSERT INTO cdc.canary (id) VALUES (1);
