"""Feeds: what their queries read, what is stored of them, and how it is brought up to date."""
