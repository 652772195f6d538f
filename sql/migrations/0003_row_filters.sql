-- Capture leaves out rows that can matter to nobody.

-- Conditions (JSON, see cdc_daemon/analysis/model/conditions.py) of which a row must fulfil one to be captured. NULL:
-- every row is.
ALTER TABLE cdc.source ADD COLUMN filters text[];

-- The conditions under which a feed needs a table's rows, as {"schema.table": [condition, ...]}. A table that is
-- not named is needed whole.
ALTER TABLE cdc.feed_state ADD COLUMN filters jsonb NOT NULL DEFAULT '{}';
