-- The targets of the sinks in each daemon's configuration (digests, by sink). After a change, daemons are reloaded one by
-- one: as long as another one still delivers to the former target, the first must not take the sink to the new one.
ALTER TABLE cdc.daemon ADD COLUMN targets jsonb NOT NULL DEFAULT '{}';
