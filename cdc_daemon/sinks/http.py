"""The sink that POSTs records to a URL, as a JSON array."""

from __future__ import annotations

import gzip
import hashlib
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from cdc_daemon import __version__
from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.answer import judge
from cdc_daemon.sinks.connection import Answer, Connection
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.settings import SinkSettings
from cdc_daemon.sinks.sink import Refusal, Sink

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "idempotency-key",
        "transfer-encoding",
        "user-agent",
    }
)
_COMPRESSION = 6  # of a batch of product documents: 9 took three times as long to save 3 % more


def _checked_url(template: str) -> str:
    placeholders.checked(template)
    parts = urlsplit(placeholders.filled(template, feed="feed", sink="sink"))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with https:// or http:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "must not hold a user or password: set token or headers, which are kept out of the log"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", template):
        raise ValueError("must be ASCII without blanks: percent-encode the rest")
    if parts.fragment:
        raise ValueError("must not end in a fragment (#…), which is never sent")
    _ = parts.port  # raises ValueError when it is no port
    return template


def _checked_headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} can't be the name of a header")
        if name.lower() in _OURS:
            raise ValueError(f"{name} is set by the sink itself")
        if not _VALUE.fullmatch(value.get_secret_value()):
            raise ValueError(f"the value of {name} has a line end or a sign outside ASCII")
    return headers


def _checked_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
        raise ValueError("must be one word of ASCII signs, without blanks or line ends")
    return token


class HttpSettings(SinkSettings, frozen=True):
    """`type = "http"`."""

    type: Literal["http"] = Field(default="http", description="Kind of sink.")
    url: Annotated[str, AfterValidator(_checked_url)] = Field(
        description="Where to POST; `{feed}` and `{sink}` stand for their names."
    )
    token: Annotated[SecretStr, AfterValidator(_checked_token)] | None = Field(
        default=None, description="Sent as `Authorization: Bearer …`. A secret: better `token_file`."
    )
    headers: Annotated[dict[str, SecretStr], AfterValidator(_checked_headers)] = Field(
        default_factory=dict[str, SecretStr],
        description="More headers, name to value; the values are treated as secrets.",
    )
    gzip: bool = Field(default=False, description="Compress what is sent; the target must know gzip.")
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of authorities to trust instead of the system's; TLS is always verified.",
    )

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        if self.token is not None and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("set either token or the header Authorization")
        return self

    def open(self, name: str) -> HttpSink:
        headers = {header: value.get_secret_value() for header, value in self.headers.items()}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.get_secret_value()}"
        return HttpSink(
            name=name,
            batch_records=self.batch_records,
            batch_bytes=self.batch_bytes,
            timeout_seconds=self.timeout_seconds,
            url=self.url,
            headers=headers,
            compressed=self.gzip,
            ca_file=self.ca_file,
        )


@dataclass
class HttpSink(Sink):
    """Records POSTed as a JSON array over connections that are kept.

    Attributes:
        url: with placeholders.
        headers: sent with every request; their values never appear in an error.
        compressed: whether bodies go out as gzip.
        ca_file: PEM file of the authorities to trust; None: those of the system.
    """

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    url: str
    headers: Mapping[str, str] = field(repr=False)
    compressed: bool
    ca_file: Path | None
    _connections: dict[str, Connection] = field(default_factory=dict[str, Connection], init=False, repr=False)

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """POST the records and return after a 2xx; see `Sink.deliver`."""
        url = placeholders.filled(self.url, feed=quote(feed, safe=""), sink=quote(self.name, safe=""))
        body = b"[" + b",".join(record.encode() for record in records) + b"]"
        headers = {
            "User-Agent": f"cdc-daemon/{__version__}",
            **self.headers,
            "Content-Type": "application/json",
            # Of the body itself: the same over every retry, and never the same for anything else.
            "Idempotency-Key": hashlib.sha256(body).hexdigest(),
        }
        if self.compressed:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, _COMPRESSION, mtime=0)
        where = f"sink {self.name}, feed {feed}, {url.partition('?')[0]}"
        judge(self._answer(url, body, headers, where), where=where, secrets=self.headers.values())
        return ()

    def close(self) -> None:
        """Close every connection; the next `deliver` opens one."""
        while self._connections:
            self._connections.popitem()[1].close()

    def _answer(self, url: str, body: bytes, headers: Mapping[str, str], where: str) -> Answer:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            if parts.netloc not in self._connections:
                self._connections[parts.netloc] = self._connection(parts)
            return self._connections[parts.netloc].post(target, body, headers, self.timeout_seconds)
        except (OSError, HTTPException) as error:
            what, hint = self._explained(error)
            raise SinkUnavailable(what, where=where, hint=hint) from error

    def _connection(self, parts: SplitResult) -> Connection:
        host = parts.hostname or ""
        if parts.scheme == "http":
            return Connection(host, parts.port or 80, None)
        return Connection(host, parts.port or 443, ssl.create_default_context(cafile=self.ca_file))

    def _explained(self, error: OSError | HTTPException) -> tuple[str, str]:  # noqa: PLR0911 - one a cause
        """What went wrong on the way, and what to do about it."""
        match error:
            case TimeoutError():
                return (
                    f"no whole answer within {self.timeout_seconds:g} s",
                    "look at the target's load; raise timeout_seconds or send smaller batches",
                )
            case ssl.SSLCertVerificationError():
                return (
                    f"its certificate is not trusted: {error.verify_message}",
                    "set ca_file to the authority that signed it, or renew it",
                )
            case ssl.SSLError():
                return f"TLS failed: {error.reason or error}", "correct url: does the port speak https?"
            case socket.gaierror():
                return (
                    f"its name can't be resolved: {error.strerror}",
                    "correct url, or look at the name service",
                )
            case FileNotFoundError() | PermissionError() if self.ca_file is not None:
                return (
                    f"ca_file {self.ca_file} can't be read: {error.strerror}",
                    "correct ca_file or its rights",
                )
            case RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
                return (
                    "closed the connection without an answer",
                    "look at the target's log; it is tried again",
                )
            case IncompleteRead():
                return "broke its answer off", "look at the target's log; it is tried again"
            case OSError():
                return f"can't be reached: {error.strerror or error}", "is the target up, and url right?"
            case _:
                return "answered with something that is not HTTP", "correct url: which program listens there?"
