"""systemd hears over its socket how the workers are, and is told that the daemon lives only if it does."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cdc_daemon.supervisor import Supervisor
from tests.support.supervised import PATIENCE_SECONDS, Running, Scripted, events, logged, running


@pytest.fixture(autouse=True)
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    with logged(monkeypatch) as written:
        yield written


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(PATIENCE_SECONDS)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000")
        yield channel


class Hanging:
    """A worker that gives no sign of life until it is released."""

    name = "hanging"

    def __init__(self) -> None:
        self.release = threading.Event()

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        self.release.wait(PATIENCE_SECONDS)
        heartbeat()
        stop.wait()


def told(channel: socket.socket, wanted: str) -> str:
    """The first datagram that begins so; others are passed over."""
    while True:
        found = channel.recv(4096).decode()
        if found.startswith(wanted):
            return found


def test_systemd_hears_of_start_life_and_stop(systemd: socket.socket) -> None:
    with running(Scripted()) as run:
        assert told(systemd, "") == "READY=1"
        assert told(systemd, "STATUS=") == "STATUS=1 workers run"
        assert told(systemd, "WATCHDOG=") == "WATCHDOG=1"
        run.end()
        assert told(systemd, "STOPPING=").splitlines()[0] == "STOPPING=1"


def test_systemd_hears_what_the_workers_do_once_for_each_change(systemd: socket.socket) -> None:
    states = iter(["2 feeds", "2 feeds", "1 of 2 feeds stopped (prices)"])
    made = Supervisor(summary=lambda: next(states, "1 of 2 feeds stopped (prices)"))
    run = Running(made, PATIENCE_SECONDS, threading.Event())
    try:
        assert told(systemd, "STATUS=") == "STATUS=2 feeds"
        assert told(systemd, "STATUS=") == "STATUS=1 of 2 feeds stopped (prices)"
    finally:
        run.end()


def test_systemd_hears_once_that_the_database_is_lost(systemd: socket.socket) -> None:
    made = Supervisor(summary=lambda: "2 feeds")
    made.lose_database("no route to host")
    run = Running(made, PATIENCE_SECONDS, threading.Event())
    try:
        assert told(systemd, "STATUS=") == "STATUS=the database can't be reached; 2 feeds"
    finally:
        run.end()


def test_the_watchdog_is_not_fed_while_a_worker_hangs(systemd: socket.socket) -> None:
    hanging = Hanging()
    made = Supervisor(longest_silence_seconds=0.0)
    made.add(hanging)
    run = Running(made, PATIENCE_SECONDS, threading.Event())
    try:
        assert told(systemd, "") == "READY=1"
        assert told(systemd, "") == "STATUS=hanging hangs; 1 workers run"
        hanging.release.set()
        run.end()
        assert told(systemd, "").startswith("STOPPING=1"), "and no WATCHDOG=1 before it"
    finally:
        hanging.release.set()
        run.end()


def test_a_worker_that_hangs_alone_is_told_once_and_the_watchdog_is_fed(
    systemd: socket.socket, stream: io.StringIO
) -> None:
    hanging = Hanging()
    made = Supervisor(longest_silence_seconds=0.0)
    made.add(hanging, alone=True)
    run = Running(made, PATIENCE_SECONDS, threading.Event())
    try:
        assert told(systemd, "STATUS=") == "STATUS=hanging hangs; 1 workers run"
        for _ in range(3):
            assert told(systemd, "WATCHDOG=") == "WATCHDOG=1"
    finally:
        hanging.release.set()
        run.end()
    assert [event["worker"] for event in events(stream) if event["event"] == "worker_hangs"] == ["hanging"]
