"""The steps on the way to a target, one after the other."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from urllib.parse import urlsplit

from cdc_daemon.errors import CdcError, RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.http.answer import NotAuthorized
from cdc_daemon.sinks.http.authorization import Authorization
from cdc_daemon.sinks.http.connection import connected_socket
from cdc_daemon.sinks.http.failure import unavailable
from cdc_daemon.sinks.sink import ProbeStep


def steps(
    url: str,
    *,
    where: str,
    timeout_seconds: float,
    tls: Callable[[], ssl.SSLContext],
    authorization: Authorization,
    headers: Iterable[str],
    accept: Callable[[], object],
) -> Iterator[ProbeStep]:
    """DNS, TCP, TLS (for https), authorization, accept; the last is the one that failed, or `accept`.

    Args:
        headers: names of those that are set.
        accept: POSTs an empty batch.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    step = "DNS"
    try:
        addresses = sorted(
            {str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        )
        yield ProbeStep(step, f"{host}: {', '.join(addresses)}")
        step = "TCP"
        with connected_socket(host, port, time.monotonic() + timeout_seconds) as raw:
            yield ProbeStep(step, f"connected to {raw.getpeername()[0]} port {port}")
            if parts.scheme == "https":
                step = "TLS"
                raw.settimeout(timeout_seconds)
                with tls().wrap_socket(raw, server_hostname=host) as secured:
                    yield ProbeStep(step, _described(secured))
    except (OSError, HTTPException) as error:
        yield ProbeStep(step, failure=unavailable(error, where=where, timeout_seconds=timeout_seconds))
        return
    yield from _last_steps(authorization, headers, accept, time.monotonic() + timeout_seconds)


def _last_steps(
    authorization: Authorization, headers: Iterable[str], accept: Callable[[], object], until: float
) -> Iterator[ProbeStep]:
    """Whether the target lets it in shows only in its answer, so one request tells both."""
    try:
        value = authorization.header(until)
    except SinkUnavailable as error:
        yield ProbeStep("authorization", failure=error)
        return
    sent = [*([] if value is None else [value.partition(" ")[0]]), *headers]
    scheme = f"sent: {', '.join(sent)}" if sent else "nothing is set"
    said, failure = "took an empty batch", None
    try:
        accept()
    except NotAuthorized as error:
        yield ProbeStep("authorization", scheme, error)
        return
    except RecordsRefused as error:
        said = f"refused an empty batch, as it may: {error.what}"
    except CdcError as error:
        said, failure = "", error
    yield ProbeStep("authorization", scheme)
    yield ProbeStep("accept", said, failure)


def _described(secured: ssl.SSLSocket) -> str:
    certificate = secured.getpeercert() or {}
    end = certificate.get("notAfter")
    return f"{secured.version()}, certificate valid until {end}"
