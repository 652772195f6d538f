"""Plain values that every stage shares: the catalogue, SQL trees, conditions, scopes, the plan."""
