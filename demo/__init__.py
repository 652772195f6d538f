"""`make demo`: the commerce feeds of a made-up shop, live changes, and the proof of what was delivered."""
