"""Calls of systemctl."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from cdc_daemon.errors import CdcError

_RUNTIME = Path("/run/systemd/system")


class SystemctlFailed(CdcError):
    """systemctl refused a call."""


def runs() -> bool:
    """Whether systemd runs this machine, as sd_booted(3) tells it."""
    return _RUNTIME.is_dir()


def version() -> int:
    """Return the version of systemd; 0 if there is none."""
    try:
        said = subprocess.run(
            ["systemctl", "--version"],  # noqa: S607 # where the machine has it
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.match(r"systemd (\d+)", said)
    return int(found[1]) if found else 0


def call(*arguments: str) -> None:
    """Call systemctl.

    Raises:
        SystemctlFailed: it refused, or can't be run.
    """
    try:
        done = subprocess.run(  # noqa: S603 # arguments of ours
            ["systemctl", *arguments],  # noqa: S607 # where the machine has it
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise SystemctlFailed(f"can't be run: {error.strerror}", where="systemctl") from error
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"ended with {done.returncode}"
        raise SystemctlFailed(said, where=f"systemctl {' '.join(arguments)}", hint="run it as root")
