-- Number of records that the present round has read from a receiver that keeps records: it reads them all before it compares.
ALTER TABLE cdc.verification ADD COLUMN records bigint NOT NULL DEFAULT 0;
