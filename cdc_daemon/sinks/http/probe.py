"""Probes an HTTP target: the steps of the connection, a token if needed, and an empty batch."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.http.authorization import Authorization
from cdc_daemon.sinks.probe import ConnectionProbe, Server, authorized_and_accepted
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
    """Yield the steps DNS, TCP, TLS (for https), authorization, accept.

    The last step is the one that failed, or `accept`.

    Args:
        headers: names of the configured headers.
        accept: POSTs an empty batch.
    """
    secured = url.startswith("https:")
    probe = ConnectionProbe(
        [Server.of_url(url, 443 if secured else 80)], where, timeout_seconds, tls=tls if secured else None
    )
    if not (yield from probe.steps()):
        return
    try:
        value = authorization.header(time.monotonic() + timeout_seconds)
    except SinkUnavailable as error:
        yield ProbeStep("authorization", failure=error)
        return
    shown = [*([] if value is None else [value.partition(" ")[0]]), *headers]
    yield from authorized_and_accepted(probe, shown, accept)
