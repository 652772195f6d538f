-- name: pin
-- Sets one setting for the whole session, its value as a parameter.
SELECT pg_catalog.set_config(%(name)s, %(value)s, false)
