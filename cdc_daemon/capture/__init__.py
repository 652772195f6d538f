"""Capture: changelogs, and the triggers that fill them. This package does not know feed rows."""
