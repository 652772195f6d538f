"""From a changed row to the entities it touches: pure passes over a feed's query, one a file.

This file imports nothing: `model` has plain values, and importing them must not load the SQL parser.
"""
