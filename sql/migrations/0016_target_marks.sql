-- What tells a sink's target from another one in its place, so that the loss of a target is noticed.

-- The sink's own word for it (an oid, an index's uuid, a name that it left there); NULL: not known yet.
ALTER TABLE cdc.sink_state ADD COLUMN mark text;
