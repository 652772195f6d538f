-- What a fingerprint is made of: when it differs, the log names the objects that changed.

-- Per object, by its kind and oid: its name and a digest. NULL: an earlier version took the fingerprint.
ALTER TABLE cdc.feed_state ADD COLUMN fingerprint_parts jsonb;
