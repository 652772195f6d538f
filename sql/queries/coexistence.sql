-- name: publications
-- Publications of all tables, which therefore publish those of schema cdc.
SELECT p.pubname, 'all tables' FROM pg_catalog.pg_publication AS p WHERE p.puballtables ORDER BY 1

-- name: publications_of_schema
-- Publications that name schema cdc; since PostgreSQL 15.
SELECT p.pubname, 'the tables in schema cdc'
FROM pg_catalog.pg_publication_namespace AS n
JOIN pg_catalog.pg_publication AS p ON p.oid OPERATOR(pg_catalog.=) n.pnpubid
WHERE n.pnnspid OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('cdc')
ORDER BY 1

-- name: sessions
-- Each limit on sessions: its name, its number of sessions, and the number that others use. Reserved sessions don't
-- count.
SELECT 'max_connections' AS "limit",
       pg_catalog.current_setting('max_connections')::pg_catalog.int4
       - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4
       - COALESCE(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int4,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity AS a
        WHERE a.backend_type = 'client backend' AND a.application_name NOT LIKE 'cdc-daemon%%')
UNION ALL
SELECT 'the limit of role ' || r.rolname, r.rolconnlimit,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity AS a
        WHERE a.usesysid = r.oid AND a.application_name NOT LIKE 'cdc-daemon%%')
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = pg_catalog.current_user() AND r.rolconnlimit >= 0 AND NOT r.rolsuper
UNION ALL
SELECT 'the limit of database ' || d.datname, d.datconnlimit,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity AS a
        WHERE a.datid = d.oid AND a.application_name NOT LIKE 'cdc-daemon%%')
FROM pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database() AND d.datconnlimit >= 0

-- name: has_citus
-- Whether the database has Citus, whose distributed tables can't be captured.
SELECT pg_catalog.to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL

-- name: distributed
-- Tables that Citus distributes over its workers: reference tables and sharded tables.
SELECT p.logicalrel::pg_catalog.regclass::text FROM pg_catalog.pg_dist_partition AS p
WHERE p.logicalrel::pg_catalog.oid = ANY (%(relations)s::pg_catalog.oid[])
ORDER BY 1

-- name: subscribed
-- The tables among these that a subscription of this database fills, with the subscription. Statement triggers don't
-- fire for rows that logical replication applies.
SELECT r.srrelid::pg_catalog.regclass::pg_catalog.text, s.subname
FROM pg_catalog.pg_subscription_rel AS r
JOIN pg_catalog.pg_subscription AS s ON s.oid OPERATOR(pg_catalog.=) r.srsubid
WHERE r.srrelid OPERATOR(pg_catalog.=) ANY (%(relations)s::pg_catalog.oid[])
ORDER BY 1, 2
