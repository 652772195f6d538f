"""An HTTP server on loopback that answers as it is told, and the receiver that stands on it."""

from __future__ import annotations

import contextlib
import gzip
import json
import queue
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from backports import zstd

from cdc_daemon.sinks.record import Record
from tests.receivers.receiver import Documents, Receiver, Seen, folded, seen

Script = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Request:
    """What arrived, whole.

    Attributes:
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
        context: for https.
        ended: set when the server is to end: what holds a request back waits for it.
        hung_up: what the server met when a client had gone.
        most_under_way: how many requests there were at once.
        admit: called with a request and how many are under way: a step to take before those of the script,
            or None.
    """

    context: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    script: deque[Script] = field(default_factory=deque)
    ended: threading.Event = field(default_factory=threading.Event)
    hung_up: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    most_under_way: int = 0
    admit: Callable[[Request, int], Script | None] = field(default=lambda _request, _under_way: None)
    port: int = 0
    _under_way: set[BaseHTTPRequestHandler] = field(default_factory=set[BaseHTTPRequestHandler])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: _Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Its address with the place of the feed's name."""
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}/feeds/{{feed}}"

    def documents(self) -> dict[str, Any]:
        """What a receiver has that takes records as they come, by key: the last of each wins."""
        state: dict[str, Any] = {}
        for request in list(self.requests):
            for item in request.items if request.taken else []:
                state[json.dumps(item["key"])] = item["data"]
        return {key: data for key, data in state.items() if data is not None}

    def start(self) -> None:
        """Listen: on a free port the first time, on the same one later."""
        self.ended.clear()
        self._server = _Server(self)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, and cut every connection."""
        self.ended.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server.cut()
            self._server = None

    def step(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Note a request and answer it."""
        with self._lock:
            self._under_way.add(handler)
            self.most_under_way = max(self.most_under_way, len(self._under_way))
            request = Request(handler.path, dict(handler.headers), body, handler.client_address)
            step = self.admit(request, len(self._under_way))
            if step is None:
                step = self.script.popleft() if self.script else answer(204)
            self.requests.append(replace(request, taken=not getattr(step, "refuses", False)))
        try:
            step(handler)
        except OSError as error:
            self.hung_up.put(str(error))
            handler.close_connection = True
        finally:
            self.answers(handler)

    def answers(self, handler: BaseHTTPRequestHandler) -> None:
        """A request is under way until its answer begins: the next may come before its handler ends."""
        with self._lock:
            self._under_way.discard(handler)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, target: Target) -> None:
        self._live: set[socket.socket] = set()

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

            def do_GET(self) -> None:
                target.step(self, b"")

            def send_response(self, code: int, message: str | None = None) -> None:
                target.answers(self)
                super().send_response(code, message)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of what we replace
                """Requests are kept in the target, not printed."""

        super().__init__(("127.0.0.1", target.port), Handler)
        if target.context is not None:
            self.socket = target.context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._live.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._live.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """End what clients keep."""
        for connection in list(self._live):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is cut off, or that does not trust the certificate, is not worth a trace."""


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
    """A server for as long as the test has it."""
    target = Target(context)
    target.start()
    try:
        yield target
    finally:
        target.stop()


class HttpReceiver(Receiver):
    """A server of the test's own that keeps every record.

    Args:
        in_flight: requests at once.
        more: settings beside the address.
    """

    kind = "http"
    keeps_history = True
    loss_is = "unnoticed"

    def __init__(self, *, in_flight: int = 1, **more: object) -> None:
        super().__init__()
        self.batches_at_once = in_flight
        self._more = {"in_flight": in_flight, **more}
        self.target = Target()
        self.target.start()
        self.address = self.target.port

    def settings(self, port: int | None = None) -> dict[str, object]:
        return {"url": f"http://127.0.0.1:{port or self.target.port}/feeds/{{feed}}", **self._more}

    def _seen(self, feed: str) -> Iterator[Seen]:
        for request in list(self.target.requests):
            if request.taken and request.path == f"/feeds/{feed}":
                yield from (seen(json.dumps(item)) for item in request.items)

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        return {"emptied": self.target.requests.clear}

    def documents(self, feed: str) -> Documents:
        return folded(self._seen(feed))

    def history(self, feed: str) -> list[tuple[str, int]]:
        return [(record.key, record.revision) for record in self._seen(feed)]

    def refused(self, feed: str) -> Record:
        self.target.admit = lambda request, _: (
            answer(422, b"forbidden") if b"forbidden" in request.content else None
        )
        return Record(feed, b'{"sku":"bad"}', "upsert", 1000, "00", ("name",), "t", b'{"name":"forbidden"}')

    def stop(self) -> None:
        self.target.stop()

    def start(self) -> None:
        self.target.start()

    def close(self) -> None:
        super().close()
        self.target.stop()
