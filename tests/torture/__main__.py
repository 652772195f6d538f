"""`make torture`: the whole thing for TORTURE_SECONDS (3600), from TORTURE_SEED (another one each time)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.receivers import postgres, processes
from tests.receivers.kinds import STOPPABLE
from tests.support import servers
from tests.torture.rounds import say, torture

ROUND_SECONDS = 60.0


def main() -> int:
    """Torture, and report.

    Returns:
        0 if every sink held what the query says; 1 if one did not; 2 for a name of a sink that is none.
    """
    seed = int(os.environ.get("TORTURE_SEED") or random.randrange(1 << 20))  # noqa: S311 # names a run
    seconds = float(os.environ.get("TORTURE_SECONDS") or 3600)
    kinds = tuple((os.environ.get("TORTURE_SINKS") or ",".join(sorted(STOPPABLE))).split(","))
    if unknown := sorted(set(kinds) - set(STOPPABLE)):
        print(f"TORTURE_SINKS: {unknown[0]!r} is none of {', '.join(sorted(STOPPABLE))}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are taken away on the way out
    say(f"seed: {seed}   (TORTURE_SEED={seed} TORTURE_SECONDS={seconds:g} TORTURE_SINKS={','.join(kinds)})")
    directory = servers.make_directory()
    os.environ[processes.OWNER_VARIABLE] = str(os.getpid())
    folder = Path(tempfile.mkdtemp(prefix="cdc-torture-"))
    try:
        report = torture(folder, seed=seed, seconds=seconds, round_seconds=ROUND_SECONDS, kinds=kinds)
    finally:
        processes.stop_all(directory)
        postgres.stop_all(directory)
        servers.stop_all(directory)
    say(str(report))
    if report.findings:
        say(f"left for you: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
