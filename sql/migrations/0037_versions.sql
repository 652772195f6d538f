-- Which migrations have run, each with the version of cdc-daemon that ran it; NULL for those that ran before this one.
-- An older version names it when it refuses a schema that a later version changed.
ALTER TABLE cdc.migration RENAME TO applied_migration;
ALTER TABLE cdc.applied_migration ADD COLUMN version text;

-- Version 0.1.0 asks cdc.migration before it does anything, and does not compare: it would replace the capture
-- functions by its own. This cast fails for whoever asks, so that 0.1.0 ends with the sentence in its message.
CREATE VIEW cdc.migration AS
SELECT ('a later version of cdc-daemon changed this schema: run 0.2.0 or later'::text)::integer AS number;
