"""The log of a service whose output systemd reads."""

from __future__ import annotations

import os
from typing import TextIO

from cdc_daemon import log


def configure_for_journal(stream: TextIO, socket: str) -> None:
    """Configure the log as for a service whose output systemd reads."""
    status = os.fstat(stream.fileno())
    environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    log.configure("debug", "auto", stream, environ=environ, journal=socket)
