"""HTTP exchanges with one origin over kept connections, each with a deadline."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cdc_daemon.bounds import MOST_ANSWER_BYTES, AnswerTooLarge, Bounds
from cdc_daemon.sinks.http.connection import KeptConnection, KeptTlsConnection, StaleConnection

_HEADERS_BYTES = 256 * 1024
"""Largest number of bytes of an answer besides its body: headers, interim answers, sizes of chunks."""


@dataclass(frozen=True)
class Answer:
    """The answer of a server.

    Attributes:
        headers: headers by name in lower case.
        body: the part of the body that was read, not decompressed.
        whole: whether this is the whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


class _Plain(HTTPConnectionPool):
    ConnectionCls = KeptConnection  # pyright: ignore[reportAssignmentType]: urllib3's own do not fit either


class _Tls(HTTPSConnectionPool):
    ConnectionCls = KeptTlsConnection  # pyright: ignore[reportAssignmentType]: as above


class Client:
    """Keeps connections to the origin of a URL, which are opened when needed. Any thread may use it.

    Args:
        url: URL of the origin; path and query don't matter.
        context: TLS context, for https.
        connections: largest number of kept connections.
        connect_seconds: longest time to open a TCP connection, in seconds.
    """

    def __init__(
        self, url: str, *, context: ssl.SSLContext | None, connections: int, connect_seconds: float
    ) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        self._connections = connections
        self._connect_seconds = connect_seconds
        self._pool: HTTPConnectionPool
        if parts.scheme == "https":
            self._pool = _Tls(host, parts.port or 443, maxsize=connections, ssl_context=context)
        else:
            self._pool = _Plain(host, parts.port or 80, maxsize=connections)

    def post(self, target: str, body: bytes, headers: Mapping[str, str], until: float) -> Answer:
        """POST a body and read the answer (see `exchange`)."""
        return self.exchange("POST", target, body, headers, until)

    def exchange(
        self,
        method: str,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
        until: float,
        *,
        most_bytes: int = MOST_ANSWER_BYTES,
    ) -> Answer:
        """Send a request and read the answer. Redirects are not followed.

        If a kept connection ends without an answer, the server has closed it while we began to write. Then
        the request is sent once more over another connection (RFC 9112, 9.3.1), so a body may arrive twice.

        Args:
            target: path and query.
            until: deadline of the exchange on the monotonic clock, in seconds.
            most_bytes: largest number of bytes of the answer's body to read.

        Raises:
            TimeoutError: there was no whole answer in time.
            AnswerTooLarge: the headers of the answer are too large.
            http.client.HTTPException: the answer is not HTTP, or is incomplete.
            OSError: the connection failed or broke.
        """
        with Bounds(until, most_bytes + _HEADERS_BYTES) as limit:
            # Stale connections are closed, and a new one is never stale. So the loop ends.
            for _ in range(self._connections + 1):
                try:
                    return self._exchange(method, target, body, headers, limit, most_bytes)
                except StaleConnection:
                    continue
        raise http.client.RemoteDisconnected("every connection ended without an answer")

    def close(self) -> None:
        """Close the connections. The next `post` opens another one."""
        self._pool.close()

    def _exchange(
        self,
        method: str,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
        limit: Bounds,
        most_bytes: int,
    ) -> Answer:
        try:
            response = self._pool.urlopen(
                method,
                target,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=urllib3.Timeout(connect=self._connect_seconds, read=limit.remaining),
                preload_content=False,
                decode_content=False,
            )
            return _read(response, most_bytes)
        except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
            if limit.passed:
                raise TimeoutError(str(error)) from error
            if limit.exceeded:
                raise AnswerTooLarge from error
            cause = _cause(error)
            if cause is error:
                raise
            raise cause from error


def _read(response: urllib3.BaseHTTPResponse, most_bytes: int) -> Answer:
    body = bytearray()
    try:
        while len(body) <= most_bytes:
            piece = response.read(most_bytes + 1 - len(body))
            if not piece:
                break
            body += piece
    except BaseException:
        response.close()
        raise
    whole = len(body) <= most_bytes
    if not whole:
        response.close()  # the rest of the answer is not worth reading
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, bytes(body[:most_bytes]), whole)


def _cause(error: Exception) -> OSError | http.client.HTTPException:
    """Return the exception that urllib3 wrapped, of http.client or the system, which has the reason."""
    inner: object = error
    while isinstance(inner, urllib3.exceptions.HTTPError) and not isinstance(
        inner, http.client.HTTPException
    ):
        following = next((one for one in (*inner.args, inner.__cause__) if isinstance(one, Exception)), None)
        if following is None:
            return (
                TimeoutError(str(inner))
                if isinstance(inner, urllib3.exceptions.TimeoutError)
                else OSError(str(inner))
            )
        inner = following
    if isinstance(inner, OSError | http.client.HTTPException):
        return inner
    return OSError(str(inner))
