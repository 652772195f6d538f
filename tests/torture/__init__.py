"""Everything that can go wrong, mixed by a seeded generator; then every sink holds what the query says.

`make torture` runs it for an hour, `test_torture.py` for a minute.
"""
