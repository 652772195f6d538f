"""Leases: who delivers a feed to a sink, when any number of daemons run."""

from __future__ import annotations

import os
import secrets
from functools import cache
from pathlib import Path

MARGIN_SECONDS = 10.0
"""Added to a sink's timeout: a lease never runs out while its holder may still be sending."""


def is_dead(owner: str) -> bool:
    """Whether the holder of a lease is known to be gone: it was a process of a place that we look into.

    A daemon that was killed and started again goes on at once instead of waiting for its own lease to end.
    A lost session of the database would be no proof: a daemon that is cut off from the database may well be
    sending still, and what it sends late would come after what its successor sends.
    """
    parts = owner.split(" ")
    if len(parts) != 4 or parts[0] != _place() or not parts[0]:
        return False
    return _started(int(parts[1])) != parts[2]


@cache
def _place() -> str:
    """Boot and PID namespace; empty where the system does not tell (not Linux).

    Containers share the boot and often the name of their host, and number their processes alike. A process
    whose number means nothing here must not be taken for one that is gone.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5)); empty if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


# Made once, before there are threads: two of them that made one each would shut each other out.
THIS_PROCESS = f"{_place()} {os.getpid()} {_started(os.getpid())} {secrets.token_hex(8)}"
"""A name that no other process has, on any machine, ever: place, pid, start time, random digits."""
