"""A record to deliver, and an HTTP server on loopback that answers as it is told."""

from __future__ import annotations

import queue
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]


@dataclass
class Target:
    """A real HTTP server; each request takes the next step of `script`, and 204 when there is none."""

    url: str
    requests: list[Request] = field(default_factory=list)
    script: deque[Script] = field(default_factory=deque)
    ended: threading.Event = field(default_factory=threading.Event)
    hung_up: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)


def answer(status: int, body: bytes = b"", **headers: str) -> Script:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

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
            body = self.rfile.read(int(self.headers["Content-Length"]))
            target.requests.append(Request(self.path, dict(self.headers), body, self.client_address))
            step = target.script.popleft() if target.script else answer(204)
            try:
                step(self)
            except OSError as error:
                target.hung_up.put(str(error))
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method we replace
            """Requests are kept in the target, not printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scheme = "http"
    if context is not None:
        scheme = "https"
        server.socket = context.wrap_socket(server.socket, server_side=True)
        # A client that doesn't trust the certificate ends the handshake in accept(): not worth a trace.
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
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
