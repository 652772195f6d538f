"""Feeds: their queries, their stored documents, and the recomputation of documents."""
