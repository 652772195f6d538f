"""The client of the S3 sink: botocore's, with connections that keep the bounds of the thread."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
)
from botocore.config import Config
from botocore.httpsession import URLLib3Session, get_cert_path
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.cleartext import clear_host
from cdc_daemon.sinks.http.connection import BoundedOpening
from cdc_daemon.sinks.tls import UnusableFile, readable

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from botocore.session import Session
    from types_boto3_s3 import S3Client


class _Plain(BoundedOpening, AWSHTTPConnection):  # type: ignore[misc] # botocore mixes so itself
    pass


class _Tls(BoundedOpening, AWSHTTPSConnection):  # type: ignore[misc] # as above
    pass


class _PlainPool(AWSHTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(AWSHTTPSConnectionPool):
    ConnectionCls = _Tls


class BoundedSession(URLLib3Session):
    """A session of botocore (with its proxies) whose connections keep the bounds of the thread."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # botocore offers no other way to choose what connects; it reads an answer of any length.
        self._pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        self._manager.pool_classes_by_scheme = self._pool_classes_by_scheme  # type: ignore[attr-defined]


@cache
def _descriptions() -> Loader:
    """Return what reads botocore's descriptions of services, and keeps them."""
    loader: Loader = get_session().get_component("data_loader")
    return loader


def new_session() -> Session:
    """Return a session for one client.

    The naive form, a `boto3.Session`, reads the description of S3 again for each client. That takes six times
    as long as all the rest, and keeps ten thousands of objects for each sink and feed. These sessions share
    the descriptions.
    """
    session = get_session()
    session.register_component("data_loader", _descriptions())
    return session


def connected(
    session: Session,
    where: str,
    *,
    region: str | None,
    endpoint_url: str | None,
    access_key_id: str | None,
    secret_access_key: str | None,
    ca_file: Path | None,
    allow_cleartext: bool,
    timeout_seconds: float,
) -> S3Client:
    """Return a client whose requests keep the bounds of the thread.

    Args:
        session: a session of its own, because clients can't be created from a shared one by several threads.
        where: sink, feed, bucket and prefix, for errors.
        region, endpoint_url, access_key_id, secret_access_key, ca_file, allow_cleartext: as set.
        timeout_seconds: longest time of a batch. A request may take half of it.

    Raises:
        SinkUnavailable: the client would send signed requests in clear text.
        BotoCoreError, ValueError: the environment lacks a region or a profile.
    """
    connect_timeout = min(10.0, timeout_seconds / 8)
    read_timeout = timeout_seconds / 2 - connect_timeout
    client: S3Client = session.create_client(  # type: ignore[assignment] # of any service, to its stubs
        "s3",
        region_name=region or (None if endpoint_url is None else "us-east-1"),
        endpoint_url=endpoint_url,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        verify=None if ca_file is None else str(ca_file),
        config=Config(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries={"total_max_attempts": 1},  # the daemon pauses, and then repeats the whole batch
            s3={"addressing_style": "auto" if endpoint_url is None else "path"},
            user_agent_extra="cdc-daemon",
        ),
    )
    url = client.meta.endpoint_url
    # boto3 also takes an address from its own files and variables (AWS_ENDPOINT_URL).
    host = None if allow_cleartext else clear_host(url, "http")
    if host:
        raise SinkUnavailable(
            f"would send signed requests to {host} in clear text",
            where=where,
            hint="set endpoint_url to one that begins with https://, or allow_cleartext = true",
        )
    verify: str | bool = os.environ.get("AWS_CA_BUNDLE") or True
    sending = BoundedSession(
        verify=verify if ca_file is None else str(ca_file),
        proxies=get_environ_proxies(url),
        timeout=(connect_timeout, read_timeout),
    )

    def send(request: AWSPreparedRequest, **_: object) -> object:
        """Send a request. botocore does the same if nothing answers this event."""
        return sending.send(request)

    client.meta.events.register("before-send.s3", send)  # type: ignore[arg-type] # the stubs forget its answer
    return client


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the same authorities as boto3.

    Raises:
        UnusableFile: the file can't be read or parsed.
    """
    trusted = ca_file or os.environ.get("AWS_CA_BUNDLE") or str(get_cert_path(verify=True))
    try:
        return ssl.create_default_context(cafile=readable(Path(trusted)))
    except ssl.SSLError as error:
        raise UnusableFile(f"{trusted} can't be used: {error.reason or error}") from error
