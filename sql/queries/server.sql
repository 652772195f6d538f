-- name: create_database
-- Makes an empty database on the embedded server.
CREATE DATABASE {database}

-- name: database_exists
-- Whether the server has a database of that name.
SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %(database)s)

-- name: is_used
-- Whether anybody else is connected to the server.
SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
               WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid())
