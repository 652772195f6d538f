-- The version of cdc-daemon that ran a migration; NULL for those that ran before this one. An older version names it
-- when it refuses a schema that a later version changed.
ALTER TABLE cdc.migration ADD COLUMN version text;
