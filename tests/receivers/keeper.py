"""Runs a server for as long as a process lives: `python keeper.py PID COMMAND…`.

Whoever starts a server may be killed (a worker of xdist, or pytest as a whole), and nothing may stay behind.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys


def main(owner: int, command: list[str]) -> int:
    """Run the command until it ends, the owner ends, or a signal asks for it; returns its exit code."""
    asked, ask = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(ask, b"."))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the owner gets it too
    server = subprocess.Popen(command, start_new_session=True)
    try:
        ended = [os.pidfd_open(owner), os.pidfd_open(server.pid), asked]
    except ProcessLookupError:  # the owner is gone already
        ended = []
    if ended:
        select.select(ended, [], [])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)  # what it holds is temporary
    return server.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
