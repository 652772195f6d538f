"""Describes the machine of a run, without names, addresses or paths."""

from __future__ import annotations

import os
import platform

import psutil

from bench.queries import query
from cdc_daemon import __version__
from cdc_daemon.pg.session import Connection

_TOLD = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
)


def described(connection: Connection) -> str:
    """Return the machine, the server and its relevant settings in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / 2**30
    settings: dict[str, str] = dict(connection.execute(query("settings"), {"names": list(_TOLD)}).fetchall())
    version = settings.pop("server_version").split()[0]
    told = ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))
    return (
        f"{cores} cores ({platform.machine()}), {memory:.0f} GiB of memory, {platform.system()}; "
        f"PostgreSQL {version} ({told}); Python {platform.python_version()}; cdc-daemon {__version__}"
    )
