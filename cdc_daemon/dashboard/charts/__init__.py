"""Pictures as SVG, made on the server from plain values. They know nothing of PostgreSQL or of requests."""
