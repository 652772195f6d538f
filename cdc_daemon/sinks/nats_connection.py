"""A connection to NATS: no secret before TLS, no waiting after the connection or a right is lost."""

# nats-py leaves the options of its methods untyped, and so the methods.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nats.errors
import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext, api

from cdc_daemon.sinks.nats_errors import NOT_AUTHORIZED
from cdc_daemon.sinks.unreachable import NoTls

CLOSE_SECONDS = 2.0
"""Longest time to close a connection, in seconds."""

_LONGEST_GREETING_BYTES = 65_536


class SecuredClient(Client):
    """A client that sends no secret before TLS.

    nats-py begins TLS only if the server's greeting demands it. An attacker can send a greeting that does not
    demand it, and would then get user and password in clear text.
    """

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Process the greeting of the server (see nats-py).

        Raises:
            NoTls: the server offers no TLS.
        """
        if initial_connection:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise NoTls("the server offers no TLS")
            info["tls_required"] = True  # begin TLS even if it is optional for the server
        await super()._process_info(info, initial_connection)


@dataclass
class Session:
    """A connection to the server.

    Attributes:
        lost: set when the connection ended.
        denied: the server's last message about a missing right; empty if there was none.
        may_not_publish: set when the missing right is that of publishing.
        stream_is_there: whether the stream is known to exist.
    """

    client: Client
    stream: JetStreamContext
    lost: asyncio.Event
    denied: list[str]
    may_not_publish: asyncio.Event
    stream_is_there: bool = False


async def opened(
    urls: Sequence[str], *, name: str, token: str | None, tls: ssl.SSLContext | None, timeout_seconds: float
) -> Session:
    """Open a connection to one of the servers.

    Args:
        name: name of the connection, which the server shows.
        tls: TLS context; None for a connection without TLS.

    Raises:
        nats.errors.Error, OSError: the connection failed.
    """
    lost, may_not_publish = asyncio.Event(), asyncio.Event()
    denied: list[str] = []

    async def note_loss() -> None:
        lost.set()

    async def note(error: Exception) -> None:
        """Note a missing right: such a request has no answer. Other errors are raised by the awaited call."""
        if NOT_AUTHORIZED.search(str(error)):
            denied[:] = [str(error)]
            if "$JS.API" not in str(error):  # the right to publish: the server acknowledges nothing
                may_not_publish.set()

    client = Client() if tls is None else SecuredClient()
    try:
        await client.connect(
            list(urls),
            name=name,
            token=token,
            tls=tls,
            # The daemon pauses and retries. A client that retries too would send messages that were given up.
            allow_reconnect=False,
            connect_timeout=max(1, int(timeout_seconds)),
            error_cb=note,
            disconnected_cb=note_loss,
            closed_cb=note_loss,
        )
    except BaseException:
        with contextlib.suppress(TimeoutError):  # it waits for the end of a TLS session that never began
            await asyncio.wait_for(client.close(), CLOSE_SECONDS)  # also its socket
        raise
    return Session(client, client.jetstream(timeout=timeout_seconds), lost, denied, may_not_publish)


def read_greeting(connection: socket.socket) -> None:
    """Read the server's greeting, which comes in plain text before TLS: INFO and one line of JSON.

    Raises:
        ConnectionError: the server does not speak NATS.
        NoTls: the server offers no TLS.
    """
    greeting = b""
    while not greeting.endswith(b"\r\n"):  # byte by byte: the bytes after the line belong to TLS
        sign = connection.recv(1)
        if not sign or len(greeting) > _LONGEST_GREETING_BYTES:
            raise ConnectionError("what answers is no NATS server")
        greeting += sign
    try:
        said = orjson.loads(greeting.removeprefix(b"INFO "))
    except orjson.JSONDecodeError as error:
        raise ConnectionError("what answers is no NATS server") from error
    if not (said.get("tls_required") or said.get("tls_available")):
        raise NoTls


async def all_or_lost(acknowledged: Sequence[asyncio.Future[api.PubAck]], session: Session) -> None:
    """Wait for every acknowledgement.

    Raises:
        ConnectionError: the connection ended first. Without this check, a batch would wait until its time
            limit.
        nats.errors.Error: the right to publish is missing. The server acknowledges nothing then.
    """
    if not acknowledged:
        return
    all_there = asyncio.ensure_future(asyncio.wait(acknowledged))
    ended = asyncio.ensure_future(session.lost.wait())
    denied = asyncio.ensure_future(session.may_not_publish.wait())
    try:
        await asyncio.wait({all_there, ended, denied}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.cancel()
        denied.cancel()
        all_there.cancel()
    if session.may_not_publish.is_set():
        raise nats.errors.Error(session.denied[0])
    if not all(one.done() for one in acknowledged):
        raise ConnectionError("the connection ended before everything was acknowledged")
