"""Server processes for tests: one of each kind for the whole session, or one of a test's own.

A kind says which command runs it and when it is ready. Everything is on 127.0.0.1 and in a temporary folder,
and ends with the session, also when a worker or the session itself is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from tests.support.servers import DIRECTORY_VARIABLE

OWNER_VARIABLE = "CDC_TEST_OWNER"
"""The process that all servers end with: pytest's, or the controller's of xdist."""

_KEEPER = Path(__file__).with_name("keeper.py")
# -P: redis.py, http.py and the like beside it are not what an import of these names means.
_started: dict[int, subprocess.Popen[bytes]] = {}


@atexit.register
def _let_go() -> None:
    """The keepers end by themselves, after this process has: Popen need not complain that they still run."""
    for keeper in _started.values():
        keeper.returncode = 0


class Kind(ABC):
    """A kind of server: how to run it."""

    name: str
    package: str
    """What to install where it is missing; for the message."""
    seconds: float = 30.0
    """Longest that a start may take."""
    ports: int = 1

    @abstractmethod
    def command(self, folder: Path, ports: list[int]) -> list[str]:
        """What to run, with its data in `folder`.

        Raises:
            FileNotFoundError: the program is not installed.
        """

    @abstractmethod
    def is_ready(self, ports: list[int]) -> bool:
        """Whether it takes what tests will ask; any OSError counts as not yet."""

    def chosen_ports(self, folder: Path) -> list[int]:
        """The ports of a server that chooses them itself, as soon as they are known."""
        return []

    def environment(self, folder: Path, ports: list[int]) -> Mapping[str, str]:
        """Variables that it needs beside those of the tests."""
        return {}


def leave_out(name: str, *, package: str) -> NoReturn:
    """End a test that needs a program which is not installed: left out, but in CI failed.

    Raises:
        FileNotFoundError: CI is set; the text says what to install.
    """
    missing = f"{name} is not installed: sudo make test-servers, or install {package}"
    if os.environ.get("CI"):
        raise FileNotFoundError(missing)
    pytest.skip(missing)


def program(*names: str, package: str) -> str:
    """The path of a program. Where it is not installed the test is left out, but not in CI.

    Raises:
        FileNotFoundError: it is not installed, and CI is set; the text says what to install.
    """
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/rabbitmq/bin"])
    for name in names:
        if found := shutil.which(name, path=places):
            return found
    leave_out(names[0], package=package)


@dataclass
class Server:
    """A running server."""

    kind: Kind
    folder: Path
    ports: list[int]
    keeper: int = field(default=0)

    @property
    def port(self) -> int:
        return self.ports[0]

    def start(self) -> None:
        """Start it, on the data that is there, and return when it is ready.

        Raises:
            RuntimeError: it ended, or is not ready in time; with the end of what it said.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.kind.command(self.folder, self.ports)
        environment = {**os.environ, **self.kind.environment(self.folder, self.ports)}
        said = self.folder / "said.log"
        with said.open("ab") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-P", str(_KEEPER), os.environ[OWNER_VARIABLE], *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C in a terminal is for pytest
            )
        self.keeper = keeper.pid
        _started[keeper.pid] = keeper
        (self.folder / "keeper.pid").write_text(str(keeper.pid))
        deadline = time.monotonic() + self.kind.seconds
        while not self._is_ready():
            if keeper.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(
                    f"{self.kind.name} did not start: {said.read_text(errors='replace')[-2000:]}"
                )
            time.sleep(0.02)  # no server tells when it is ready in a way that all share

    def stop(self) -> None:
        """Kill it; what it had on its disk stays."""
        _end(self.keeper)

    def pause(self) -> None:
        """Have it do nothing, as on a machine that hangs; returns when each of its threads has stopped.

        The signal is sent at once and obeyed a little later: on a busy machine a thread answers once more.
        """
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while not all(map(_has_stopped, self._processes())):
            assert time.monotonic() < deadline, f"{self.kind.name} goes on"
            time.sleep(0.001)

    def go_on(self) -> None:
        """End the pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes():
            process.send_signal(number)

    def _processes(self) -> list[psutil.Process]:
        found = psutil.Process(self.keeper).children(recursive=True)
        assert found, f"{self.kind.name} does not run"
        return found

    def _is_ready(self) -> bool:
        self.ports = self.ports or self.kind.chosen_ports(self.folder)
        try:
            return self.kind.is_ready(self.ports)
        except OSError:
            return False


def _has_stopped(process: psutil.Process) -> bool:
    states = [
        task.joinpath("stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
        for task in Path(f"/proc/{process.pid}/task").iterdir()
    ]
    return not set(states) - {"T", "Z", "X"}


def shared(kind: Kind) -> Server:
    """The session's server of a kind, started by whoever asks first."""
    folder = Path(os.environ[DIRECTORY_VARIABLE]) / kind.name
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "shared.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if known.exists():
            state = json.loads(known.read_text())
            return Server(kind, folder, state["ports"], state["keeper"])
        server = Server(kind, folder, free_ports(kind.ports))
        server.start()
        known.write_text(json.dumps({"ports": server.ports, "keeper": server.keeper}))
    return server


def own(kind: Kind, name: str) -> Server:
    """A server of a kind that nobody else uses, to be stopped and started by a test."""
    folder = Path(os.environ[DIRECTORY_VARIABLE]) / f"{kind.name}-{name}"
    server = Server(kind, folder, free_ports(kind.ports))
    server.start()
    return server


def stop_all(directory: Path) -> None:
    """End every server that was started below a folder."""
    for file in directory.glob("*/keeper.pid"):
        _end(int(file.read_text()))


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listens."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def answers(port: int, ask: bytes, wanted: bytes) -> bool:
    """Whether what listens on a port answers as it should."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(ask)
        return wanted in connection.recv(4096)


def _end(keeper: int) -> None:
    if ours := _started.pop(keeper, None):
        ours.terminate()
        ours.wait(timeout=20)
        return
    try:
        process = psutil.Process(keeper)
        if str(_KEEPER) not in process.cmdline():  # the number may be another process's by now
            return
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return
