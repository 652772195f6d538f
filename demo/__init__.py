"""`make demo`: a shop, live changes, and the proof that what was delivered is what the queries say."""
