"""PostgreSQL: sessions with pinned settings, named statements, the embedded server."""
