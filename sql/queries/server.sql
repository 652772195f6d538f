-- name: create_database
-- Makes an empty database on the embedded server.
CREATE DATABASE {database}

-- name: database_exists
-- Whether the server has a database of that name.
SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %(database)s)
