-- name: records_version
-- Whether migration 37 ran, which made the table that records versions.
SELECT pg_catalog.to_regclass('cdc.applied_migration') IS NOT NULL

-- name: applied
-- The migrations that ran, by number.
SELECT m.number, m.name, m.applied_at, m.version FROM cdc.applied_migration AS m ORDER BY m.number

-- name: applied_before_versions
-- The migrations that ran, by number, before migration 37.
SELECT m.number, m.name, m.applied_at, NULL FROM cdc.migration AS m ORDER BY m.number

-- name: record_before_versions
-- Records a migration in the transaction that made it, before migration 37.
INSERT INTO cdc.migration (number, name) VALUES ({number}, {name})

-- name: record
-- Records a migration in the transaction that made it, with the version of cdc-daemon that did so.
INSERT INTO cdc.applied_migration (number, name, version) VALUES ({number}, {name}, {version})
