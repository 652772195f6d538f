-- Tries at which a sink took nothing, by whom to ask for a remedy (see `cdc_sink_failures_total`).
ALTER TABLE cdc.delivery_sample ADD COLUMN kinds jsonb NOT NULL DEFAULT '{}';
