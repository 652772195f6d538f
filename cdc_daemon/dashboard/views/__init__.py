"""One file a subject: a question, its answer as plain dataclasses, and the function that asks `insight`."""
