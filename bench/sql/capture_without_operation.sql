-- The capture function of the prices as earlier versions had it: its entries don't tell the operation.
DO $$
DECLARE
    former text;
    body text;
BEGIN
    SELECT pg_catalog.pg_get_functiondef(t.tgfoid) INTO STRICT former
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = 'price'::pg_catalog.regclass AND t.tgname = 'cdc_capture_update';
    body := pg_catalog.replace(pg_catalog.replace(former, ', "cdc$operation"', ''), ', TG_OP::pg_catalog."char"', '');
    IF body = former THEN
        RAISE 'the capture function tells no operation';
    END IF;
    EXECUTE body;
END
$$
