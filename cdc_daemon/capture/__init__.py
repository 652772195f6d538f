"""Capture: changelogs, and the triggers that fill them. Nothing here knows what a feed row is."""
