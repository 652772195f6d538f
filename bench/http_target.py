"""An HTTP server that takes every request, as a separate process: `python -m bench.http_target MILLISECONDS`.

It reads every body, waits MILLISECONDS (the time of a receiver's own work), and answers 204. It writes its
port to standard output, and ends when its standard input ends.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Receiver(asyncio.Protocol):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._head = bytearray()
        self._missing = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            length = next(
                int(line.split(b":")[1])
                for line in self._head[:end].split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            self._missing = length - (len(self._head) - end - 4)
            self._head.clear()
        else:
            self._missing -= len(data)
        if self._missing == 0:
            asyncio.get_running_loop().call_later(self._seconds, self._answer)

    def _answer(self) -> None:
        if self._transport is not None:
            self._transport.write(_ANSWER)


async def _serve(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Receiver(seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def receiving(milliseconds: float) -> Generator[int]:
    """Run such a server during the block. Yields its port."""
    command = [sys.executable, "-m", "bench.http_target", str(milliseconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=10)


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]) / 1000))
