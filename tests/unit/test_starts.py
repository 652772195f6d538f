"""Commands that tests start by a fork: nobody can tell them from a process that was started anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import starts
from tests.support.command import Command, Feed

COMMAND = [sys.executable, "-m", "cdc_daemon"]


def both(*arguments: str) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    """A command that was forked, and the same one that was started."""
    words = [*COMMAND, *arguments]
    started = subprocess.run(words, capture_output=True, text=True, check=False)
    return starts.run(words, timeout=60), started


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("status", "--help"), ("stats",), ("--config", "absent.toml", "status")],
    ids=["success", "help", "unknown command", "error"],
)
def test_output_errors_and_exit_code_are_the_same(arguments: tuple[str, ...]) -> None:
    forked, started = both(*arguments)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )


def test_a_fork_has_the_environment_and_the_folder_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CDC_LOG_LEVEL", "loud")
    (tmp_path / "cdc.toml").write_text("[databases]\n")
    forked, started = both("status")
    assert "CDC_LOG_LEVEL" in forked.stderr
    assert "cdc.toml: databases" in forked.stderr
    assert forked.stderr == started.stderr


def test_a_fork_that_runs_is_a_process_of_its_own(tmp_path: Path, database: str) -> None:
    command = Command(tmp_path, database, {"one": Feed("SELECT 1 AS id")}, sinks="")
    running = command.start("status", "--watch")
    try:
        assert not isinstance(running.process, subprocess.Popen)
        assert running.process.poll() is None
        process = psutil.Process(running.process.pid)
        assert process.cwd() == str(Path.cwd())
        assert os.getpgid(process.pid) == os.getpgid(0)
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(0.01)
    finally:
        running.kill()
    assert running.process.returncode == -signal.SIGKILL
    assert running.process.poll() == -signal.SIGKILL


@pytest.mark.parametrize("name", ["TZ", "PYTHONUTF8", "LC_ALL"])
def test_a_variable_that_python_reads_when_it_starts_needs_a_real_start(name: str) -> None:
    running = starts.start([*COMMAND, "--version"], env={**os.environ, name: "0"})
    assert isinstance(running, subprocess.Popen)
    running.communicate()


def test_a_fork_imports_from_the_python_path_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = tmp_path / "installed" / "another-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[cdc_daemon.sinks]\nanother = absent:Settings\n")
    (tmp_path / "cdc.toml").write_text('[sinks]\none = { type = "another" }\n')
    monkeypatch.chdir(tmp_path)
    forked, started = both("status")
    assert "another brings" not in forked.stderr
    assert forked.stderr == started.stderr
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    forked, started = both("status")
    assert "another brings" in forked.stderr
    assert forked.stderr == started.stderr


def test_what_is_no_command_of_ours_is_started() -> None:
    done = starts.run([sys.executable, "-c", "print(1)"], timeout=60)
    assert (done.returncode, done.stdout) == (0, "1\n")
