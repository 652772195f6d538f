"""Who asks, and what each may see and do."""
