-- Size of everything that is kept in the database for the daemon, and of the logs in it, with indexes.
SELECT
    COALESCE(sum(pg_total_relation_size(oid)), 0)::bigint AS whole,
    COALESCE(sum(pg_total_relation_size(oid)) FILTER (WHERE relname ~ '^changelog_|^feed_.*_log'), 0)::bigint AS logs
FROM pg_class
WHERE relnamespace = 'cdc'::regnamespace AND relkind = 'r'
