"""Conditions on a changed row that capture checks before it writes an entry."""
