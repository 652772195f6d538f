"""One file a subject: what a person may do, with the functions that the commands call."""
