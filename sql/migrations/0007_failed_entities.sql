-- Entities whose documents can't be made, each with PostgreSQL's words: they keep no other entity back.

CREATE TABLE cdc.failed_entity (
    feed            text        NOT NULL REFERENCES cdc.feed_state ON DELETE CASCADE,
    -- sha256 of the entity's values: they may be longer than an index entry can be.
    id              bytea       NOT NULL,
    -- The values of the entity columns as PostgreSQL writes them. NULL: entities that could not be found out.
    entity          text[],
    -- SQLSTATE and message; NULL and our own words where a document is too large.
    status          text,
    reason          text        NOT NULL,
    attempts        integer     NOT NULL DEFAULT 1,
    -- It can't be computed as long as this other one can't: that one is stored with a key of this one's.
    waits_for       bytea,
    first_failed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    last_failed_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    -- When to try it although nothing changed; NULL: not before a change reaches it or somebody asks for it.
    retry_at        timestamptz,
    PRIMARY KEY (feed, id)
);

CREATE INDEX failed_entity_retry ON cdc.failed_entity (feed, retry_at) WHERE retry_at IS NOT NULL;
