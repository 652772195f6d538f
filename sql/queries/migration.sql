-- name: applied
-- The migrations that ran, by number. An older schema has no column for the version: its row yields NULL.
SELECT m.number, m.name, m.applied_at, pg_catalog.to_jsonb(m) OPERATOR(pg_catalog.->>) 'version'
FROM cdc.migration AS m ORDER BY m.number

-- name: record
-- Records a migration in the transaction that made it.
INSERT INTO cdc.migration (number, name) VALUES ({number}, {name})

-- name: record_with_version
-- Records a migration in the transaction that made it, with the version of cdc-daemon that did so.
INSERT INTO cdc.migration (number, name, version) VALUES ({number}, {name}, {version})
