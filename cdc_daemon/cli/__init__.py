"""The command line: one file a command, and nothing here but words and wiring."""

from cdc_daemon.cli.group import main

__all__ = ["main"]
