ALTER TABLE price ENABLE ALWAYS TRIGGER cdc_capture_update
