"""The command line. Each command has a file, which holds only its texts and its wiring."""

from cdc_daemon.cli.group import main

__all__ = ["main"]
