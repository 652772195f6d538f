"""A connection to NATS: no secret before TLS, no waiting after the connection or a right is lost."""

# nats-py leaves the options of its methods untyped, and so the methods.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nats.errors
import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext, api

from cdc_daemon.sinks.unreachable import NoTls

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
