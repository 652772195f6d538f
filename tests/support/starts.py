"""Starts commands of cdc-daemon, by a fork of a process that has imported it unless a test could notice."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol

_ROOT = Path(__file__).parents[2]
_COMMAND = [sys.executable, "-m", "cdc_daemon"]
# What Python and the C library read once, when a process starts. PYTHONPATH and TZ are among them.
_READ_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "TZ")
# There is a server for each PYTHONPATH: tests of sinks that others bring start many commands with one.
_OF_SERVER = "PYTHONPATH"


class Process(Protocol):
    """What `subprocess.Popen` has and tests use."""

    pid: int
    returncode: int | None
    stdout: IO[Any] | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


def start(arguments: Sequence[str], **options: Any) -> Process:
    """Start a command whose output and errors can be read together at `stdout`.

    Args:
        arguments: the program and its arguments.
        options: further ones of `subprocess.Popen`. With others than `env` and `cwd` nothing is forked.
    """
    if not _can_be_forked(arguments, options):
        return subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )
    reading, writing = os.pipe()
    try:
        forked = _fork(arguments, writing, writing, **options)
    finally:
        os.close(writing)
    forked.stdout = os.fdopen(reading, encoding="utf-8")
    return forked


def run(arguments: Sequence[str], *, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; see `subprocess.run` with `capture_output`.

    Raises:
        subprocess.TimeoutExpired: it did not end in so many seconds. It was killed.
    """
    if not _can_be_forked(arguments, {}):
        return subprocess.run(arguments, capture_output=True, text=True, timeout=timeout, check=False)
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        forked = _fork(arguments, output.fileno(), errors.fileno())
        try:
            code = forked.wait(timeout)
        except subprocess.TimeoutExpired:
            forked.kill()
            raise
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())


class _Forked:
    """A process that the server has forked."""

    def __init__(self, arguments: Sequence[str], answers: socket.socket) -> None:
        self.arguments = arguments
        self.returncode: int | None = None
        self.stdout: IO[Any] | None = None
        self._answers = answers
        self._lock = threading.Lock()
        self.pid = int(answers.recv(64))

    def poll(self) -> int | None:
        if self._lock.acquire(blocking=False):  # else another thread waits for the end
            try:
                self._receive(0)
            except subprocess.TimeoutExpired:
                pass
            finally:
                self._lock.release()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            return self._receive(timeout)

    def _receive(self, timeout: float | None) -> int:
        if self.returncode is None:
            self._answers.settimeout(timeout)
            try:
                self.returncode = int(self._answers.recv(64))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.arguments, timeout or 0) from None
            self._answers.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _can_be_forked(arguments: Sequence[str], options: Mapping[str, Any]) -> bool:
    if list(arguments[:3]) != _COMMAND or not options.keys() <= {"env", "cwd"}:
        return False
    return _read_at_start(options.get("env") or os.environ) == _read_at_start(_environment())


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_READ_AT_START) and name != _OF_SERVER
    }


def _fork(
    arguments: Sequence[str],
    output: int,
    errors: int,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> _Forked:
    environment = dict(env or os.environ)
    request = {
        "arguments": list(arguments[3:]),
        "environment": environment,
        "folder": str(cwd or Path.cwd()),
    }
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with theirs:
        requests = _server(environment.get(_OF_SERVER)).requests
        socket.send_fds(requests, [json.dumps(request).encode()], [output, errors, theirs.fileno()])
    return _Forked(arguments, ours)


class _Server:
    """A server of this process. It ends with this process, however that ends."""

    def __init__(self, path: str | None) -> None:
        environment = {name: value for name, value in _environment().items() if name != _OF_SERVER}
        if path is not None:
            environment[_OF_SERVER] = path
        self.requests, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                env=environment,
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self.requests.close()
        self._process.wait()


@cache
def _environment() -> dict[str, str]:
    """The environment of all servers but for PYTHONPATH: that of this process at the first start."""
    return dict(os.environ)


@cache
def _server(path: str | None) -> _Server:
    return _Server(path)
