"""Earlier versions of cdc-daemon, built from their commits, as a person had them installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from tests.support.command import Command

ROOT = Path(__file__).parents[2]

COMMITS = {"0.1.0": "c600e34ae3588ad4b3b1223eab7c9525cb2e66b0"}
"""The last commit of each released version."""

_MISSING = """\
The tests of upgrades build version {version} from commit {commit}, which is not here ({told}).
A shallow clone gets it by: git fetch --unshallow
A downloaded archive of the sources has no commits: clone the repository.
"""


def unpacked(version: str, repository: Path = ROOT) -> Path:
    """Return the folder with the content of a version's wheel. The first call builds it, in some seconds.

    It stays in `build/released` of the repository. A test fails, and says why, if the commit is not there.
    """
    commit = COMMITS[version]
    cache = repository / "build" / "released"
    kept = cache / f"{version}-{commit[:12]}"
    if kept.is_dir():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        sources, unfinished = Path(folder, "sources"), Path(folder, "wheel")
        sources.mkdir()
        archive = subprocess.run(
            ["git", "archive", commit], cwd=repository, capture_output=True, check=False, timeout=60
        )
        if archive.returncode:
            pytest.fail(_MISSING.format(version=version, commit=commit, told=archive.stderr.decode().strip()))
        subprocess.run(["tar", "-x", "-C", str(sources)], input=archive.stdout, check=True, timeout=60)
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
        subprocess.run(build, cwd=sources, capture_output=True, check=True, timeout=120)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            wheel.extractall(unfinished)
        try:
            unfinished.rename(kept)
        except OSError:  # another worker built it at the same time
            shutil.rmtree(unfinished)
    return kept


class Released(Command):
    """A released `cdc-daemon` on the same database and in the same folder as another `Command`.

    It runs with the libraries of this environment.
    """

    version = "0.1.0"

    def write(self) -> None:
        """Write the configuration with the names of settings that this version has."""
        super().write()
        renamed = self.config.read_text("utf-8").replace("[log]\nformat = 'json'\n", "")
        self.config.write_text(renamed.replace("[daemon]\n", "[daemon]\nlog_format = 'json'\n"), "utf-8")

    def finish(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever its exit code is."""
        return subprocess.run(
            self.arguments(*arguments), capture_output=True, text=True, timeout=60, check=False
        )

    def arguments(self, *arguments: str) -> list[str]:
        """The command line of a call."""
        # -P: the folder that the tests run in has another cdc_daemon.
        python = ["env", f"PYTHONPATH={unpacked(self.version)}", sys.executable, "-P", "-m", "cdc_daemon"]
        return [*python, "--config", str(self.config), *arguments]
