"""The wheels that an installation needs, in one folder: packages and images need no network then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from cdc_daemon import __version__
from release.notice import NOT_SHIPPED

ROOT = Path(__file__).parent.parent
WHEELHOUSE = ROOT / "build" / "wheels"

LEFT_OUT = NOT_SHIPPED | {"embedded"}
"""Extras that no package or image includes. A service has a PostgreSQL server already."""


def extras() -> list[str]:
    """Names of the extras that packages and images include."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return sorted(set(project["optional-dependencies"]) - LEFT_OUT)


def target_python() -> str:
    """Return the interpreter for which packages and images are made: CDC_TARGET_PYTHON, else the system's.

    It is seldom the one of this environment, and a library may need another one with 3.11.2 than with 3.11.7.
    """
    return os.environ.get("CDC_TARGET_PYTHON") or shutil.which("python3", path="/usr/bin") or sys.executable


def pip() -> list[str]:
    """Return the command of pip that works for `target_python`."""
    return [sys.executable, "-m", "pip", "--python", target_python()]


def target_version() -> tuple[int, int]:
    """Return the version of `target_python`: major, minor."""
    program = "import sys; print(sys.version_info[0], sys.version_info[1])"
    told = subprocess.run([target_python(), "-c", program], capture_output=True, text=True, check=True).stdout
    major, minor = map(int, told.split())
    return major, minor


def own_wheel() -> Path:
    """Return the wheel of this version in dist/.

    Raises:
        FileNotFoundError: `make wheel` has not made it.
    """
    wheel = ROOT / "dist" / f"cdc_daemon-{__version__}-py3-none-any.whl"
    if not wheel.exists():
        raise FileNotFoundError(f"{wheel} does not exist: run `make wheel`")
    return wheel


def requirement() -> str:
    """Return what pip installs: this version, with the extras of a service."""
    return f"cdc-daemon[{','.join(extras())}]=={__version__}"


def collect() -> Path:
    """Put every wheel that the package needs into `WHEELHOUSE`, in the versions of constraints.txt.

    They are for `target_python` and this machine.
    """
    shutil.rmtree(WHEELHOUSE, ignore_errors=True)
    subprocess.run(
        [
            *(*pip(), "download", "--quiet", "--only-binary", ":all:"),
            *("--dest", WHEELHOUSE, "--constraint", ROOT / "constraints.txt"),
            f"{own_wheel()}[{','.join(extras())}]",
        ],
        check=True,
    )
    return WHEELHOUSE


if __name__ == "__main__":
    collect()
