"""`make demo`: the commerce feeds of a generated shop, live changes, and a comparison of all documents."""
