-- The keys of a schema's tables: those that must be unique, and those that refer to another table (`refers_to`).
SELECT
    c.relname AS table_name,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, n)
        INNER JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
        ORDER BY u.n
    ) AS columns,
    f.relname AS refers_to,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, n)
        INNER JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
        ORDER BY u.n
    ) AS referred
FROM pg_constraint AS k
INNER JOIN pg_class AS c ON c.oid = k.conrelid
LEFT JOIN pg_class AS f ON f.oid = k.confrelid
WHERE k.connamespace = %(schema)s::regnamespace AND k.contype IN ('p', 'u', 'f') AND NOT c.relispartition
ORDER BY c.oid, k.contype DESC, k.conname
