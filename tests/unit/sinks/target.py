"""A record to deliver, and an HTTP server on loopback that answers as it is told."""

from __future__ import annotations

import gzip
import json
import queue
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from backports import zstd

from cdc_daemon.sinks.record import Record

Script = Callable[[BaseHTTPRequestHandler], None]


def record(number: int, data: bytes | None = b'{"a":1}', feed: str = "products") -> Record:
    return Record(
        feed=feed,
        key=b'{"sku":"p%d"}' % number,
        op="delete" if data is None else "upsert",
        revision=number,
        hash=None if data is None else "00" * 32,
        changed=() if data is None else ("a",),
        captured_at="2025-01-02T03:04:05.678901+00:00",
        data=data,
    )


@dataclass(frozen=True)
class Request:
    """What arrived, whole.

    Attributes:
        number: of the request, from 0.
        taken: whether the server took what is in it, before it answered or did not.
    """

    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]
    taken: bool = True

    @property
    def content(self) -> bytes:
        """The body before compression."""
        match self.headers.get("Content-Encoding"):
            case "gzip":
                return gzip.decompress(self.body)
            case "zstd":
                return zstd.decompress(self.body)
            case _:
                return self.body

    @property
    def items(self) -> list[dict[str, Any]]:
        """Its elements or lines, with the digits of numbers as they came."""
        lines = self.content.splitlines() if "ndjson" in self.headers["Content-Type"] else [self.content]
        parsed = [json.loads(line, parse_float=str, parse_int=str) for line in lines]
        return parsed if len(lines) != 1 or not isinstance(parsed[0], list) else parsed[0]


@dataclass
class Target:
    """A real HTTP server; each request takes the next step of `script`, and 204 when there is none.

    Attributes:
        ended: set when the server is to end: what holds a request back waits for it.
        hung_up: what the server met when a client had gone.
        most_under_way: how many requests there were at once.
        admit: called with how many requests are under way: a step before those of the script, or None.
    """

    url: str
    requests: list[Request] = field(default_factory=list)
    script: deque[Script] = field(default_factory=deque)
    ended: threading.Event = field(default_factory=threading.Event)
    hung_up: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    most_under_way: int = 0
    admit: Callable[[int], Script | None] = field(default=lambda _: None)
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def documents(self) -> dict[str, Any]:
        """What a receiver has that takes records as they come, by key: the last of each wins."""
        state: dict[str, Any] = {}
        for request in list(self.requests):
            for item in request.items if request.taken else []:
                state[json.dumps(item["key"])] = item["data"]
        return {key: data for key, data in state.items() if data is not None}

    def step(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Note a request and answer it."""
        with self._lock:
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
            step = self.admit(self._under_way) or (self.script.popleft() if self.script else answer(204))
            self.requests.append(
                Request(
                    handler.path,
                    dict(handler.headers),
                    body,
                    handler.client_address,
                    taken=not getattr(step, "refuses", False),
                )
            )
        try:
            step(handler)
        except OSError as error:
            self.hung_up.put(str(error))
            handler.close_connection = True
        finally:
            with self._lock:
                self._under_way -= 1


def answer(status: int, body: bytes = b"", **headers: str) -> Script:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    send.refuses = status >= 300  # type: ignore[attr-defined]
    return send


def raw(content: bytes) -> Script:
    """Bytes as they are, and the end of the connection."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(content)
        handler.close_connection = True

    return send


def serving(context: ssl.SSLContext | None) -> Iterator[Target]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # the client, or what is between, ended within it
                self.close_connection = True
                return
            target.step(self, body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method we replace
            """Requests are kept in the target, not printed."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that is cut off, or that does not trust the certificate, is not worth a trace."""

    server = Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if context is not None:
        scheme = "https"
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    target = Target(f"{scheme}://127.0.0.1:{server.server_port}/feeds/{{feed}}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield target
    finally:
        target.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
