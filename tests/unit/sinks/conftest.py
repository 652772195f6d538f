"""HTTP servers on loopback."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sinks.target import Target, serving

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
