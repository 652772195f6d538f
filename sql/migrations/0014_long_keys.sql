-- What is kept for a delivery is found by a digest of the key: a key of 2.6 kB fits the index of the stored feed, and
-- as JSON it is longer than an entry of an index may be.

-- Not a generated column: PostgreSQL 18 refuses updates of a table in a publication FOR ALL TABLES whose primary key
-- has one. `id` in sql/queries/failed_item.sql says how the digest is made.
ALTER TABLE cdc.failed_item ADD COLUMN id bytea;
UPDATE cdc.failed_item SET id = pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.regexp_replace(
    key::pg_catalog.text, '("(?:[^"\\]|\\.)*")|(\.\d*[1-9])0+(?!\d)|\.0+(?!\d)', '\1\2', 'g'), 'UTF8'));
ALTER TABLE cdc.failed_item DROP CONSTRAINT failed_item_pkey;
ALTER TABLE cdc.failed_item ADD PRIMARY KEY (sink, feed, id);

ALTER TABLE cdc.delivered_document ADD COLUMN id bytea;
UPDATE cdc.delivered_document SET id = pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.regexp_replace(
    key::pg_catalog.text, '("(?:[^"\\]|\\.)*")|(\.\d*[1-9])0+(?!\d)|\.0+(?!\d)', '\1\2', 'g'), 'UTF8'));
ALTER TABLE cdc.delivered_document DROP CONSTRAINT delivered_document_pkey;
ALTER TABLE cdc.delivered_document ADD PRIMARY KEY (sink, feed, id);
