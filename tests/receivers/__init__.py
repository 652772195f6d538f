"""The targets that sinks are tested against, real servers all, and what each of them holds in the end."""
