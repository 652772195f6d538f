-- Size of what capture has written about prices, with indexes.
SELECT COALESCE(sum(pg_total_relation_size(oid)), 0)::bigint
FROM pg_class
WHERE relnamespace = 'cdc'::regnamespace AND relkind = 'r' AND relname LIKE 'changelog\_public\_price%'
