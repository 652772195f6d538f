-- A person can pause, resume and cancel a resync that a person requested.

-- paused_at: since when chunks leave its entities out; NULL: they don't. cancelled_at: its other entities are left out
-- for good; it is finished then. done: entities that were recomputed before the last pause or the cancellation; those
-- from first_position on come on top.
ALTER TABLE cdc.resync
    ADD COLUMN paused_at    timestamptz,
    ADD COLUMN cancelled_at timestamptz,
    ADD COLUMN done         bigint NOT NULL DEFAULT 0;

-- Finds the latest requests of a feed, and the few that are not finished or are left out. The table grows by a row for
-- each large delta.
CREATE INDEX resync_of ON cdc.resync (feed, id);
CREATE INDEX resync_unfinished ON cdc.resync (feed) WHERE finished_at IS NULL;
CREATE INDEX resync_left_out ON cdc.resync (feed, last_position)
    WHERE paused_at IS NOT NULL OR cancelled_at IS NOT NULL;
