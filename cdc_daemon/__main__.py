"""`python -m cdc_daemon` is `cdc-daemon`."""

from __future__ import annotations

import atexit
import gc

from cdc_daemon.cli import main as command_line

_OBJECTS = 10_000
"""Number of new objects after which Python looks for garbage. Its own default is 700."""


def main() -> None:
    """Run the command line in a process of its own."""
    # Most objects of a command belong to modules, which live as long as the process. Python would search them
    # for garbage many times while it imports them, and once more at the end: a quarter of a command's time.
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)
    command_line()


if __name__ == "__main__":
    main()
