"""Connections of the Redis client, with sockets that keep the bounds of the thread."""

# redis-py leaves the **kwargs of its methods untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cdc_daemon.bounds import current
from cdc_daemon.sinks.bounded import BoundedSocket, secured
from cdc_daemon.sinks.tcp import bounded_socket


class TcpConnection(redis.Connection):
    """A TCP connection. The client's own limits are for one read each, and it reads answers of any length."""

    def _connect(self) -> socket.socket:
        # Overridden as the client's own connections do. Half of the time is for a second try.
        limit = current()
        connected = bounded_socket(self.host, self.port, limit.until - limit.remaining / 2)
        connected.settimeout(self.socket_timeout)
        return connected


class TlsConnection(TcpConnection):
    """A TLS connection.

    Args:
        tls: context that verifies the server.
    """

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call] # see above
        self._tls = secured(tls)

    def _connect(self) -> socket.socket:
        connected = super()._connect()
        try:
            return self._tls.wrap_socket(connected, server_hostname=self.host)
        except BaseException:
            connected.close()
            raise


class UnixConnection(redis.UnixDomainSocketConnection):
    """A connection over a socket in the file system."""

    def _connect(self) -> socket.socket:
        connected = BoundedSocket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(current().remaining)
            connected.connect(self.path)
        except BaseException:
            connected.close()
            raise
        connected.settimeout(self.socket_timeout)
        return connected


def opened(url: str, tls: Callable[[], ssl.SSLContext], timeout_seconds: float) -> redis.Redis:
    """Return a client with one connection, which it opens when it is used.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        tls: returns the TLS context, for `rediss://`.
        timeout_seconds: longest time of a batch, in seconds. Half of it is for a second try.

    Raises:
        OSError: a file of TLS can't be read.
    """
    options: dict[str, object] = {"connection_class": TcpConnection}
    if urlsplit(url).scheme == "rediss":
        options = {"connection_class": TlsConnection, "tls": tls()}
    elif urlsplit(url).scheme == "unix":
        options = {"connection_class": UnixConnection}
    return redis.Redis.from_url(
        url,
        single_connection_client=True,
        socket_timeout=timeout_seconds / 2,
        socket_connect_timeout=timeout_seconds / 2,
        # Replace a connection that the server has closed. A script that runs twice has the same result.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        **options,
    )
