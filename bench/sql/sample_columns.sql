-- The columns of a schema's tables in their order, with what a value of each must be: its type without a domain around
-- it, the labels of an enumeration, and the literals of a domain's CHECK.
SELECT
    c.relname AS table_name,
    a.attname AS column_name,
    format_type(
        CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE a.atttypid END,
        CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END
    ) AS type,
    a.attnotnull AS not_null,
    ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder) AS labels,
    ARRAY(
        SELECT m[1]
        FROM pg_constraint AS k
        CROSS JOIN regexp_matches(pg_get_constraintdef(k.oid), '''?([[:alnum:].-]+)''?::|([[:digit:].]+)', 'g') AS r (m)
        WHERE k.contypid = a.atttypid AND m[1] IS NOT NULL
    ) AS checked
FROM pg_class AS c
INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
INNER JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.oid, a.attnum
