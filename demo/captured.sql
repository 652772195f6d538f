-- Entries that the triggers have written so far: each takes a number, whether it was read and emptied since or not.
SELECT COALESCE(sum(last_value), 0)::bigint
FROM pg_sequences
WHERE schemaname = 'cdc' AND sequencename LIKE 'changelog_%_version_id_seq'
