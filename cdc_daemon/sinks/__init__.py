"""Where records go: one file per kind of sink; nothing here knows PostgreSQL."""
