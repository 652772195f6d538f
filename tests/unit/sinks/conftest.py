"""HTTP servers on loopback, and sinks that deliver to them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from cdc_daemon.sinks.http import HttpSettings, HttpSink
from tests.receivers.http import Target, serving

# A key and certificate for 127.0.0.1 that nothing outside these tests trusts; valid until 2120.
CERTIFICATE = Path(__file__).parent / "loopback.pem"


@pytest.fixture
def target() -> Iterator[Target]:
    yield from serving(None)


@pytest.fixture
def tls_target() -> Iterator[Target]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    yield from serving(context)


class Opened(Protocol):
    def __call__(self, url: str, **settings: object) -> HttpSink: ...


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens a sink of these settings, and closes it at the end."""
    with ExitStack() as stack:

        def open_(url: str, **settings: object) -> HttpSink:
            sink = HttpSettings.model_validate({"url": url, **settings}).open("catalog")
            stack.callback(sink.close)
            return sink

        yield open_
