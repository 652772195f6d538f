-- A key that changes its spelling only (1.0 becomes 1.00) has a delete of the old spelling and a document under the new one.
-- Both may be refused, so they are two failed items, as they always were for texts: the digest tells the digits apart.
UPDATE cdc.failed_item SET id = pg_catalog.sha256(pg_catalog.convert_to(key::pg_catalog.text, 'UTF8'))
WHERE pg_catalog.strpos(key::pg_catalog.text, '.') > 0;
UPDATE cdc.delivered_document SET id = pg_catalog.sha256(pg_catalog.convert_to(key::pg_catalog.text, 'UTF8'))
WHERE pg_catalog.strpos(key::pg_catalog.text, '.') > 0;
