"""What a server may do instead of answering: each is a step for a `Target`, once; then it is well again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler

from tests.receivers.http import Script, Target, answer, raw


def never(target: Target) -> Script:
    def wait(_: object) -> None:
        target.ended.wait()

    return wait


def _slowly(beginning: bytes) -> Callable[[Target], Script]:
    """A byte now and then, without an end."""

    def make(target: Target) -> Script:
        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(beginning)
            while not target.ended.wait(0.02):
                handler.wfile.write(b"x")

        return drip

    return make


def _bytes(content: bytes) -> Callable[[Target], Script]:
    return lambda _: raw(content)


def _kept(content: bytes) -> Callable[[Target], Script]:
    """Bytes as they are; the connection stays open."""

    def make(_: Target) -> Script:
        def send(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(content)

        return send

    return make


def _status(status: int, **headers: str) -> Callable[[Target], Script]:
    return lambda _: answer(status, b"not now", **headers)


UNTIMELY: Mapping[str, Callable[[Target], Script]] = {
    "no answer": never,
    "slow headers": _slowly(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "slow body": _slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
}
"""Those that end by the client's time limit."""

BROKEN: Mapping[str, Callable[[Target], Script]] = {
    "closed without an answer": _bytes(b""),
    "garbage": _bytes(b"\x16\x03\x01\x02\x00garbage\xff\n"),
    "another protocol": _bytes(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "half a status line": _bytes(b"HTTP/1.1 20"),
    "half of the headers": _bytes(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "half of a header's line and no more": _bytes(b"HTTP/1.1 200 OK\r\nDate: today\r\n"),
    "half of the body": _bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "half of a chunk": _bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"),
    "no last chunk": _bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    "a chunk without a size": _bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "a status that is no number": _bytes(b"HTTP/1.1 abc OK\r\n\r\n"),
    "too many headers": _bytes(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
    "too long a line": _bytes(b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n"),
}
"""Those that are no whole answer."""

NOT_NOW: Mapping[str, Callable[[Target], Script]] = {
    "500": _status(500),
    "502": _status(502),
    "429": _status(429),
    "429 with Retry-After": _status(429, Retry_After="0"),
    "503 with Retry-After": _status(503, Retry_After="0"),
    "408": _status(408),
    "401": _status(401),
    "a redirect": _status(302, Location="/elsewhere"),
}
"""Answers that hold the sink."""

TALKATIVE: Mapping[str, Callable[[Target], Script]] = {
    "more than its length says": _kept(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"),
    "two answers to one request": _kept(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2),
    "an announcement before the answer": _kept(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    ),
}
"""Good answers with more around them, over a connection that is kept."""

TOO_LARGE: Mapping[str, Callable[[Target], Script]] = {"413": _status(413)}

FAULTS: Mapping[str, Callable[[Target], Script]] = {
    **UNTIMELY,
    **BROKEN,
    **NOT_NOW,
    **TALKATIVE,
    **TOO_LARGE,
}
