"""Leases: who delivers a feed to a sink, when any number of daemons run."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

MARGIN_SECONDS = 10.0
"""Added to a sink's timeout: a lease never runs out while its holder may still be sending."""


@cache
def this_process() -> str:
    """A name that no other process has, on any machine, ever: host, boot, pid, start time."""
    return f"{socket.gethostname()} {_boot()} {os.getpid()} {_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether the holder of a lease is known to be gone: it was a process of this boot of this host.

    A daemon that was killed and started again goes on at once instead of waiting for its own lease to end.
    """
    parts = owner.split(" ")
    if len(parts) != 4 or parts[:2] != [socket.gethostname(), _boot()] or _boot() == "unknown":
        return False
    return _started(int(parts[2])) != parts[3]


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "unknown"


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5)); empty if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
