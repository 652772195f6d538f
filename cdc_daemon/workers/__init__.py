"""The loops that do the work, and what they share: the only place that sees capture and feeds together."""
