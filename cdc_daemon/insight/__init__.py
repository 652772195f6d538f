"""Questions about the synchronisation, answered from the database: for commands, metrics and pages alike."""
