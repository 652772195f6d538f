-- name: tables
-- A table of the schema that unqualified names are created in, if there is one.
SELECT pg_catalog.min(c.relname::pg_catalog.text)
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = pg_catalog.current_schema()::pg_catalog.regnamespace AND c.relkind IN ('r', 'p')

-- name: identities
-- A statement for each identity column that moves its sequence behind the greatest number in use.
SELECT pg_catalog.format(
    'SELECT pg_catalog.setval(%L, m.n) FROM (SELECT pg_catalog.max(%I) AS n FROM %s) AS m WHERE m.n > 0',
    pg_catalog.pg_get_serial_sequence(c.oid::pg_catalog.regclass::pg_catalog.text, a.attname),
    a.attname,
    c.oid::pg_catalog.regclass
)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attidentity <> '' AND NOT a.attisdropped
WHERE c.relnamespace = pg_catalog.current_schema()::pg_catalog.regnamespace AND c.relkind = 'r'
ORDER BY c.relname
