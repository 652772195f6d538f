"""From SQL to scopes: every name is resolved, every subquery gets a scope of its own."""
