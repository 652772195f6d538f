"""A process that has imported cdc-daemon, and forks a process for each command that it is asked for.

An import takes most of a command's time. Here it happens once for many commands. `tests.support.starts` asks.

Each message on the socket is a JSON object with `arguments`, `environment` and `folder` of the command, and
three file descriptors: its standard output, its standard error, and a socket. On this socket the server sends
the process ID at once, and later the exit code as `subprocess` gives it. The server ends when the other side
closes.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NamedTuple

from cdc_daemon.cli.group import COMMANDS

_LONGEST_MESSAGE = 1 << 20


class _Command(NamedTuple):
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    output: int
    errors: int


def preload() -> None:
    """Import what commands need. No module starts a thread or opens a file while it is imported."""
    for name in COMMANDS:
        importlib.import_module(f"cdc_daemon.cli.{name}")
    importlib.import_module("cdc_daemon.workers.query_planning")
    importlib.import_module("cdc_daemon.sinks.file")


def serve(requests: socket.socket) -> _Command | None:
    """Fork a process for each request.

    Returns:
        In each forked process: the command that it is to run. In the server: None, at the end.
    """
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.set_wakeup_fd(waking.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                woken.recv(4096)
                _tell_ended(running)
            if requests in ready:
                message, descriptors, _, _ = socket.recv_fds(requests, _LONGEST_MESSAGE, 3)
                if not message:
                    return None
                output, errors, answers = descriptors
                pid = os.fork()
                if not pid:
                    return _Command(**json.loads(message), output=output, errors=errors)
                os.close(output)
                os.close(errors)
                running[pid] = socket.socket(fileno=answers)
                running[pid].send(str(pid).encode())


def _tell_ended(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as answers:
                answers.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(command: _Command, interrupted: Any) -> None:
    """Make this process look like one that was just started with the command.

    Args:
        interrupted: the handler of SIGINT that such a process has.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, interrupted)
    os.dup2(command.output, 1)
    os.dup2(command.errors, 2)
    os.closerange(3, max(int(each.name) for each in Path("/proc/self/fd").iterdir()) + 1)
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    sys.argv[1:] = command.arguments


if __name__ == "__main__":
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for pytest
    preload()
    gc.freeze()
    command = serve(socket.socket(fileno=int(sys.argv[1])))
    if command:
        become(command, handler)
        runpy.run_module("cdc_daemon", run_name="__main__", alter_sys=True)
