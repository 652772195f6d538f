"""Leases: one of any number of daemons delivers a feed to a sink."""

from __future__ import annotations

import os
import secrets
from functools import cache
from pathlib import Path

MARGIN_SECONDS = 10.0
"""Seconds that a lease is longer than a sink's timeout, so that it does not run out during a send."""


def is_dead(owner: str) -> bool:
    """Whether the holder of a lease is dead: a process of our own boot and PID namespace that has ended.

    So a daemon that was killed and started again goes on at once, and need not wait until its own lease ends.
    A
    lost database session would not prove it: a daemon that is cut off from the database may still be sending,
    and its late records would arrive after those of its successor.
    """
    parts = owner.split(" ")
    if len(parts) != 4 or parts[0] != _boot() or not parts[0]:
        return False
    return _started(int(parts[1])) != parts[2]


@cache
def _boot() -> str:
    """Return boot and PID namespace; empty if the system does not tell (not Linux).

    Containers share the boot and often the host name, and they use the same process IDs. A process of another
    namespace must not look dead because its ID does not exist here.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot (proc(5)); empty if it does not exist."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _name() -> str:
    return f"{_boot()} {os.getpid()} {_started(os.getpid())} {secrets.token_hex(8)}"


class _Process:
    """Holds the name of this process. A fork is another process, so it gets another name."""

    def __init__(self) -> None:
        self.rename()
        os.register_at_fork(after_in_child=self.rename)

    def rename(self) -> None:
        self.name = _name()


# Made once, before threads start: if two threads made different names, they would exclude each other.
_process = _Process()


def this_process() -> str:
    """Return a name that no other process has, on any machine.

    It has the boot, the PID namespace, the PID, the start time, and random digits.
    """
    return _process.name
