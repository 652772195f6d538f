-- A lease that ended before its holder expected it, because the server's clock jumped, is told from its successor.

-- Counts the times that a delivery's lease was taken. The results of an earlier one don't count.
ALTER TABLE cdc.sink_state ADD COLUMN lease bigint NOT NULL DEFAULT 0;
