"""From scopes to routes: how a changed row of each source reaches the entities."""
