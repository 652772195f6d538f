"""A network between two namespaces whose cable can be pulled: every packet is lost, and nobody is told.

As root, or as an ordinary user where the kernel lets users make namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.receivers.proxy import proxied

HERE, THERE, PORT = "10.213.0.2", "10.213.0.1", 5432


class Wire:
    """Two network namespaces and a cable between them; over there a proxy leads to a Unix socket.

    Attributes:
        host, port: where the proxy listens, seen from here.
    """

    host, port = THERE, PORT

    def __init__(self, here: int, there: int) -> None:
        self._here, self._there = here, there

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The same command, on this end of the cable."""
        return _inside(self._here, arguments)

    def pull(self) -> None:
        """Lose every packet from now on."""
        _do(self._there, "ip link set there down")

    def plug(self) -> None:
        """Let packets through again."""
        _do(self._there, "ip link set there up")


@contextmanager
def wired(socket: Path) -> Generator[Wire]:
    """A wire that leads to a server's Unix socket."""
    with ExitStack() as stack:
        here, there = (stack.enter_context(_namespace()) for _ in range(2))
        _do(here, f"ip link add here type veth peer name there && ip link set there netns {there}")
        _do(here, f"ip addr add {HERE}/24 dev here && ip link set here up && ip link set lo up")
        _do(there, f"ip addr add {THERE}/24 dev there && ip link set there up")
        proxy = subprocess.Popen(
            _inside(there, [sys.executable, "-m", "tests.receivers.wire", str(socket)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        stack.enter_context(proxy)
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        stack.callback(proxy.stdin.close)  # the proxy ends with its input
        assert proxy.stdout.readline() == b"listening\n"
        yield Wire(here, there)


@contextmanager
def _namespace() -> Generator[int]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    holder = subprocess.Popen(
        ["unshare", *user, "--net", "sh", "-c", "echo made; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"made\n"
        try:
            yield holder.pid
        finally:
            holder.stdin.close()


def _inside(namespace: int, arguments: Sequence[str]) -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", "--target", str(namespace), *user, "--net", *arguments]


def _do(namespace: int, script: str) -> None:
    subprocess.run(_inside(namespace, ["sh", "-c", script]), check=True)


if __name__ == "__main__":
    with proxied(sys.argv[1], (THERE, PORT)):
        print("listening", flush=True)
        sys.stdin.read()
