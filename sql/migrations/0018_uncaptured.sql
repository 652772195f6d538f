-- A table that can't be captured yet is told by `status`, and not by the log alone.

-- Which table, and which transactions hold it; NULL: all that the feed reads is captured.
ALTER TABLE cdc.feed_state ADD COLUMN uncaptured text, ADD COLUMN uncaptured_since timestamptz;
