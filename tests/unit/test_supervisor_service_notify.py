"""sd_notify over real sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc_daemon.service_notify import notify, watchdog_seconds


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return (
        str(tmp_path / "notify")
        if request.param == "path"
        else f"@cdc-daemon-test-{os.getpid()}-{tmp_path.name}"
    )


@pytest.fixture
def channel(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        made.settimeout(10)
        yield made


def test_assignments_arrive_as_lines_of_one_datagram(address: str, channel: socket.socket) -> None:
    assert notify({"NOTIFY_SOCKET": address}, READY=1, STATUS="two\nlines")
    assert channel.recv(4096) == b"READY=1\nSTATUS=two lines"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_outside_systemd_nothing_is_sent(environ: dict[str, str]) -> None:
    assert not notify(environ, READY=1)


def test_nobody_listening_does_no_harm(tmp_path: Path) -> None:
    assert not notify({"NOTIFY_SOCKET": str(tmp_path / "absent")}, WATCHDOG=1)


def test_a_full_queue_does_not_block(address: str, channel: socket.socket) -> None:
    _ = channel
    while notify({"NOTIFY_SOCKET": address}, WATCHDOG=1):
        pass


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_systemd_says_so(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_seconds(environ, pid=7) == seconds
