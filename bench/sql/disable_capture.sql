-- The same table as without capture: its other triggers stay.
ALTER TABLE price DISABLE TRIGGER cdc_capture_update
