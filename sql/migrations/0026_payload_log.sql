-- Which documents the daemon writes to its log when it delivers them, because a person asked, and until when.
CREATE TABLE cdc.payload_log (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed     text        NOT NULL,
    -- Values by key column, as text; NULL: every document of the feed.
    key      jsonb,
    until    timestamptz NOT NULL,
    asked_by text        NOT NULL DEFAULT session_user,
    asked_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

-- Finds what is asked for a feed; the table has few rows.
CREATE INDEX payload_log_feed ON cdc.payload_log (feed, until);
