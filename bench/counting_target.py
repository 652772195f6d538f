"""An HTTP server that counts records, as a separate process: `python -m bench.counting_target PORT`.

It listens on PORT, or on a free port for 0, and writes the port to standard output. It takes lines of records
and answers 204. When its standard input ends, it writes the number of records and of revisions, and exits.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Matches only in the record itself: within a JSON string the quotes would be escaped.
_REVISION = re.compile(rb'"op":"\w+","revision":(\d+),')


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    records = 0
    revisions: set[int] = set()  # noqa: RUF012 - of the server, whose one handler this is
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = [int(number) for number in _REVISION.findall(body)]
        assert len(found) == body.count(b"\n"), "a line is no record"
        with self.lock:
            _Handler.records += len(found)
            self.revisions.update(found)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method we replace
        """Print no requests."""


def _serve(port: int) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    with _Handler.lock:
        print(json.dumps([_Handler.records, len(_Handler.revisions), sum(_Handler.revisions)]), flush=True)
        os._exit(0)  # closes every connection, like a server that dies


@dataclass
class CountingTarget:
    """A running counting target.

    Attributes:
        records: number of records that it got, known after its end.
        revisions: number of different revisions, and their sum.
    """

    port: int
    process: subprocess.Popen[str]
    records: int = 0
    revisions: tuple[int, int] = (0, 0)

    def die(self) -> None:
        """Stop it and read its counts."""
        if self.process.poll() is None:
            said, _ = self.process.communicate(timeout=30)
            self.records, *revisions = json.loads(said)
            self.revisions = revisions[0], revisions[1]


@contextmanager
def counting(port: int = 0) -> Generator[CountingTarget]:
    """Run a target on `port`, or on a free one for 0, until it dies or the block ends."""
    command = [sys.executable, "-m", "bench.counting_target", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        target = CountingTarget(int(process.stdout.readline()), process)
        try:
            yield target
        finally:
            target.die()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
