"""Secrets out of text that leaves: to the log, to the database, to a terminal.

One registry knows every secret of the configuration, and those that are met at run time (a token that was
fetched, a password that libpq found). Every border hides them with `hide`, so that no other place has to
think of it: docs/decisions/0021-one-redaction-at-the-borders.md.
"""

from __future__ import annotations

from cdc_daemon.redaction.patterns import HIDDEN, hide_passwords
from cdc_daemon.redaction.registry import forget, know, meet
from cdc_daemon.redaction.texts import hide, hide_within, on_one_line, printable

__all__ = [
    "HIDDEN",
    "forget",
    "hide",
    "hide_passwords",
    "hide_within",
    "know",
    "meet",
    "on_one_line",
    "printable",
]
