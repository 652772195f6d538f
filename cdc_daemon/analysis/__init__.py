"""From a changed row to the entities it touches: pure passes over a feed's query, one a file."""
