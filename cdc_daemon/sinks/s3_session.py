"""The session that botocore sends through: its own, with connections that keep bounds."""

from __future__ import annotations

from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.httpsession import URLLib3Session

from cdc_daemon.sinks.http.connection import BoundedOpening


class _Plain(BoundedOpening, AWSHTTPConnection):  # type: ignore[misc] # botocore mixes so itself
    pass


class _Tls(BoundedOpening, AWSHTTPSConnection):  # type: ignore[misc] # as above
    pass


class _PlainPool(AWSHTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(AWSHTTPSConnectionPool):
    ConnectionCls = _Tls


class BoundedSession(URLLib3Session):
    """A session of botocore, proxies and all, that is used within `Bounds`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # botocore offers no other way to choose what connects; it reads an answer of any length.
        self._pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        self._manager.pool_classes_by_scheme = self._pool_classes_by_scheme  # type: ignore[attr-defined]
