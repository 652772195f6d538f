-- Several configurations may share a database.

-- The configuration that a feed belongs to ([daemon] name): only that one changes or drops it.
ALTER TABLE cdc.feed_state ADD COLUMN daemon text NOT NULL DEFAULT 'cdc-daemon';

COMMENT ON SCHEMA cdc IS 'cdc-daemon';
