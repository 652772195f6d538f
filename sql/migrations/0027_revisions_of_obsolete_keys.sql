-- An obsolete key has the revision of its delete, so that a target which calls both keys equal keeps the new document.

-- The feed draws it before the revision of the document under the new key. NULL: the delete is part of a full snapshot.
ALTER TABLE cdc.obsolete_key ADD COLUMN revision pg_catalog.int8;
