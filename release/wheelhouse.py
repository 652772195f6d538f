"""The wheels that an installation needs, in one folder: packages and images need no network then."""

from __future__ import annotations

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

    They are for the Python version and the machine that call this.
    """
    shutil.rmtree(WHEELHOUSE, ignore_errors=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"),
            *("--dest", WHEELHOUSE, "--constraint", ROOT / "constraints.txt"),
            f"{own_wheel()}[{','.join(extras())}]",
        ],
        check=True,
    )
    return WHEELHOUSE


if __name__ == "__main__":
    collect()
