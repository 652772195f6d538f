"""Trigger-driven change data capture: documents defined by one SELECT, kept in step and delivered."""

__version__ = "0.2.0.dev0"
