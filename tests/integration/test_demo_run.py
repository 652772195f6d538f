"""`python -m demo` from its first line to its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import servers

ROOT = Path(__file__).parents[2]
FEEDS = tomllib.loads((ROOT / "config" / "commerce.toml").read_text("utf-8"))["feeds"]
# Each command plans thirteen feeds. A loaded machine takes long for it.
pytestmark = pytest.mark.timeout(300)
Start = Callable[..., "subprocess.Popen[str]"]
TABLE = "second"
"""The first word of the table: from here on the daemon and the workload run."""


@pytest.fixture
def folder() -> Iterator[Path]:
    place = servers.make_place("cdc-demo-")
    yield place / "demo"
    place.rmdir()  # fails if the demo left anything


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start_one(*, seconds: int, feeds: Iterable[str] = ()) -> subprocess.Popen[str]:
        sizes = {"DEMO_PRODUCTS": "60", "DEMO_SECONDS": str(seconds), "DEMO_FOLDER": str(folder)}
        sizes["DEMO_FEEDS"] = ",".join(feeds)
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "demo"],
            cwd=ROOT,
            env={**os.environ, **sizes},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A shell that started the tests in the background has them ignore SIGINT, and their programs too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=30)
            process.kill()


def read_until_the_table(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    read: list[str] = []
    for line in process.stdout:
        read.append(line)
        if line.split()[:1] == [TABLE]:
            break
    else:
        pytest.fail("".join(read))
    # One line of figures: something was written meanwhile.
    return "".join([*read, process.stdout.readline()])


def test_it_ends_by_itself_and_proves_that_the_documents_are_right(start: Start) -> None:
    process = start(seconds=3)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    for feed in FEEDS:
        assert f"  {feed}: " in said
    assert said.count("all equal") == len(FEEDS) == 13
    assert "Proven" in said


def test_ctrl_c_ends_it_with_the_proof_and_changed_bytes_in_what_was_delivered_with_1_and_their_keys(
    start: Start, folder: Path
) -> None:
    feeds = ("scopesWebsite", "inventoryStockStatus")
    process = start(seconds=600, feeds=feeds)
    address = read_until_the_table(process).partition("Its dashboard is at ")[2].split()[0]
    with urllib.request.urlopen(address) as page:  # noqa: S310 # of the demo itself
        assert b"inventoryStockStatus" in page.read()
    with (folder / "out" / "scopesWebsite.ndjson").open("r+b") as file:
        # Every record: a single one might be followed by a newer one of its key, which would be right.
        held = file.read()
        assert b'"store_' in held
        file.seek(0)
        file.write(held.replace(b'"store_', b'"Store_'))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 1, said
    assert "scopesWebsite: delivered documents differ from the query" in said
    assert "missing" not in said
    assert 'first ["1"], ["2"]' in said
    assert said.count("all equal") == len(feeds) - 1
    assert "Proven" not in said


def test_a_command_that_fails_is_shown_and_ends_it_with_1(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDC_DAEMON_NONSENSE", "1")
    process = start(seconds=3)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "The demo failed. cdc-daemon install ended with code" in said
