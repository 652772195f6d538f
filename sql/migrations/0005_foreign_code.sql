-- Code of strangers that a feed runs, as it was when a person accepted it by `install`.

-- {"function schema.name(arguments)": "owner digest"}. What differs from it stops the feed.
ALTER TABLE cdc.feed_state ADD COLUMN foreign_code jsonb NOT NULL DEFAULT '{}';
