"""Telling systemd how the service is doing: the sd_notify protocol, a datagram of `NAME=value` lines.

Source: sd_notify(3). Everything here does nothing outside systemd, and never fails: a daemon that works
must not end because nobody listens to what it says about itself.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from cdc_daemon.redaction import hide, on_one_line


def notify(environ: Mapping[str, str] = os.environ, **assignments: str | int) -> bool:
    """Send assignments such as `READY=1`, `STATUS="…"`, `WATCHDOG=1`, `STOPPING=1` in one datagram.

    Args:
        environ: `NOTIFY_SOCKET` is where to: a path, or `@` and a name in the abstract namespace.

    Returns:
        Whether it was sent.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    # A line end would begin another assignment, and a status may quote an error of many lines.
    lines = [f"{name}={on_one_line(hide(str(value)))}" for name, value in assignments.items()]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        # The receiver's queue may be full while the machine is busy: the next WATCHDOG=1 comes soon enough.
        channel.setblocking(False)
        try:
            channel.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
    return True


def watchdog_seconds(environ: Mapping[str, str] = os.environ, *, pid: int | None = None) -> float | None:
    """How long systemd waits for `WATCHDOG=1` before it ends the service; None if it does not wait.

    Args:
        environ: `WATCHDOG_USEC`, and `WATCHDOG_PID`, which says whose watchdog it is.
    """
    if environ.get("WATCHDOG_PID", str(pid or os.getpid())) != str(pid or os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1_000_000 if microseconds.isdecimal() and int(microseconds) else None
