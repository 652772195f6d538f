-- Settings of the server, as SHOW would print them.
SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY (%(names)s)
