"""Settings of the HTTP sink."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, model_validator

from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.cleartext import clear_host
from cdc_daemon.sinks.formats import FormattedSettings, Framing
from cdc_daemon.sinks.frames import Compression, known_here
from cdc_daemon.sinks.http import signature
from cdc_daemon.sinks.http.authorization import Authorization, ClientCredentials, Fixed, Token, basic
from cdc_daemon.sinks.http.client import Client
from cdc_daemon.sinks.http.item_errors import ItemErrors
from cdc_daemon.sinks.http.pacing import Pacing
from cdc_daemon.sinks.http.request import Composer
from cdc_daemon.sinks.http.sink import HttpSink
from cdc_daemon.sinks.limits import Limits
from cdc_daemon.sinks.settings import MAY_HOLD_SECRET, SecretLines
from cdc_daemon.sinks.tls import TlsSettings

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
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)


def _checked_url(template: str) -> str:
    placeholders.checked(template)
    return _checked_plain_url(template, placeholders.filled(template, feed="feed", sink="sink"))


def _checked_plain_url(written: str, url: str | None = None) -> str:
    parts = urlsplit(url or written)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with https:// or http:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "must not hold a user or password: set user and password, token or headers, "
            "which are kept out of the log"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", written):
        raise ValueError("must be ASCII without blanks: percent-encode the rest")
    if parts.fragment:
        raise ValueError("must not end in a fragment (#…), which is never sent")
    _ = parts.port  # raises ValueError if the port is invalid
    return written


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


def _checked_webhook_secret(secret: SecretStr) -> SecretStr:
    signature.keys(secret.get_secret_value())
    return secret


def _checked_user(user: str) -> str:
    if ":" in user or not user.isprintable():
        raise ValueError("must not have a colon or control signs (RFC 7617)")
    return user


class _Shared:
    """State that the feeds of one sink share: the limits of the target, and the token."""

    def __init__(self) -> None:
        self.token = Token()
        self._pacing: Pacing | None = None
        self._making = threading.Lock()

    def pacing(self, in_flight: int, requests_per_second: float | None) -> Pacing:
        with self._making:
            if self._pacing is None:
                self._pacing = Pacing(in_flight, requests_per_second)
            return self._pacing


class HttpSettings(FormattedSettings, TlsSettings, frozen=True):
    """`type = "http"`."""

    type: Literal["http"] = Field(default="http", description="Kind of sink.")
    url: Annotated[str, AfterValidator(_checked_url)] = Field(
        description="Address to POST to. `{feed}` and `{sink}` stand for their names. If it is secret (a "
        "webhook with a key in its path), use `url_file`.",
        json_schema_extra=MAY_HOLD_SECRET,
    )
    framing: Framing = Field(
        default="array", description="Form of a batch: `array` (one JSON array) or `ndjson` (lines)."
    )
    compression: Annotated[Compression, AfterValidator(known_here)] = Field(
        default="none",
        description="Compression of requests: `none`, `gzip` or `zstd` (needs the extra `zstd`). The target "
        "must support it.",
    )
    in_flight: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Largest number of requests at a time, over all feeds of the sink. The sink sends fewer "
        "while the target can't keep up. No two of them have the same key.",
    )
    requests_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Largest number of requests that the sink starts in a second, over "
        "all feeds. Unset: no limit.",
    )
    connect_timeout_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="Longest time to connect by TCP, in seconds."
    )
    token: Annotated[SecretStr, AfterValidator(_checked_token)] | None = Field(
        default=None, description="Token for `Authorization: Bearer …`. A secret: prefer `token_file`."
    )
    user: Annotated[str, AfterValidator(_checked_user)] | None = Field(
        default=None, description="User for `Authorization: Basic …`, with `password`."
    )
    password: SecretStr | None = Field(
        default=None, description="Password of `user`. A secret: prefer `password_file`."
    )
    oauth2_token_url: Annotated[str, AfterValidator(_checked_plain_url)] | None = Field(
        default=None,
        description="Address from which the sink fetches a token with `oauth2_client_id` and "
        "`oauth2_client_secret` (OAuth 2.0 client credentials). It renews the token shortly before it "
        "expires, and once after an answer of 401.",
        json_schema_extra=MAY_HOLD_SECRET,
    )
    oauth2_client_id: str | None = Field(default=None, min_length=1, description="OAuth 2.0 client ID.")
    oauth2_client_secret: SecretStr | None = Field(
        default=None, description="OAuth 2.0 client secret: prefer `oauth2_client_secret_file`."
    )
    oauth2_scope: str | None = Field(default=None, description="The `scope` of the token.")
    oauth2_audience: str | None = Field(
        default=None, description="The `audience` of the token; some servers require one."
    )
    oauth2_client_auth: Literal["header", "body"] = Field(
        default="header",
        description="Where the client sends its secret: in the `header` (Basic) or in the `body` of the "
        "request.",
    )
    headers: Annotated[SecretLines, AfterValidator(_checked_headers)] = Field(
        default_factory=dict[str, SecretStr],
        description="Additional headers, name to value. The values are treated as secrets. `headers_file` "
        "has a line for each, `Name: value`.",
    )
    webhook_secret: Annotated[SecretStr, AfterValidator(_checked_webhook_secret)] | None = Field(
        default=None,
        description="Secret (`whsec_…`) with which the sink signs requests by Standard Webhooks. To replace "
        "a secret, give the old and the new one, separated by a blank or a line end.",
    )
    errors_path: str | None = Field(
        default=None,
        description="Where the JSON of a 2xx answer lists refused records: names of members, separated by "
        'dots; `""` for the whole body. Unset: the sink reads only the body of a 207, as a list.',
    )
    errors_index: str = Field(
        default="index",
        min_length=1,
        description="Member of that list's elements with the record's position in the request, from 0.",
    )
    errors_key: str = Field(
        default="key",
        min_length=1,
        description="Member with the record's key instead: an object, or the value of a key of one column.",
    )
    verify_url: Annotated[str, AfterValidator(_checked_url)] | None = Field(
        default=None,
        description="Address at which the receiver lists the documents that it holds, for `verify --sink`. "
        "It must have the origin of `url`. `{feed}` and `{sink}` stand for their names.",
        json_schema_extra=MAY_HOLD_SECRET,
    )
    _shared: _Shared = PrivateAttr(default_factory=_Shared)

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        ways = {
            "token": self.token is not None,
            "user and password": self.user is not None or self.password is not None,
            "oauth2_token_url": self.oauth2_token_url is not None,
            "the header Authorization": any(name.lower() == "authorization" for name in self.headers),
        }
        chosen = [way for way, is_set in ways.items() if is_set]
        if len(chosen) > 1:
            raise ValueError(f"must not have {' beside '.join(chosen)}: set one")
        if (self.user is None) != (self.password is None):
            raise ValueError("must have user and password, or neither")
        oauth2 = (self.oauth2_token_url, self.oauth2_client_id, self.oauth2_client_secret)
        if len({one is None for one in oauth2}) > 1:
            raise ValueError(
                "must have oauth2_token_url, oauth2_client_id and oauth2_client_secret, or none of them"
            )
        return self

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.verify_url is not None and urlsplit(self.verify_url)[:2] != urlsplit(self.url)[:2]:
            raise ValueError("must have verify_url at the origin of url, which gets the same credentials")
        return self

    @model_validator(mode="after")
    def _rate_in_time(self) -> Self:
        if self.requests_per_second is not None and self.requests_per_second * self.timeout_seconds < 1:
            raise ValueError(
                "must let a request begin within timeout_seconds: raise it or requests_per_second"
            )
        return self

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield credentials and headers (see `CleartextSettings.in_clear`).

        `webhook_secret` signs requests and is not sent.
        """
        sent = {
            "token": self.token is not None,
            "user and password": self.user is not None,
            "a token of OAuth 2.0": self.oauth2_token_url is not None,
            "headers": bool(self.headers),
            "the query of url": bool(urlsplit(self.url).query),
        }
        host = clear_host(placeholders.filled(self.url, feed="feed", sink="sink"), "http")
        if host and any(sent.values()):
            what = " and ".join(name for name, is_set in sent.items() if is_set)
            yield f"{what} to {host}", "begin url with https://"
        if self.oauth2_token_url and (host := clear_host(self.oauth2_token_url, "http")):
            yield f"oauth2_client_secret to {host}", "begin oauth2_token_url with https://"

    @property
    def limits(self) -> Limits:
        """Limits of batches and of the rate. The latency of the target is unknown."""
        return Limits(self.batch_records, self.batch_bytes, self.requests_per_second, ending_requests=1)

    def address(self) -> tuple[str, ...]:
        """Return the URL (see `SinkSettings.address`)."""
        return (self.url,)  # with its query, which may name the target

    def open(self, name: str) -> HttpSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        headers = {header: value.get_secret_value() for header, value in self.headers.items()}
        secret = self.webhook_secret
        return HttpSink(
            name=name,
            request_records=self.batch_records,
            request_bytes=self.batch_bytes,
            timeout_seconds=self.timeout_seconds,
            url=self.url,
            composer=Composer(
                format=self.format_for(name),
                framing=self.framing,
                compression=self.compression,
                headers=headers,
                signing=() if secret is None else signature.keys(secret.get_secret_value()),
            ),
            authorization=self._authorization(name),
            item_errors=ItemErrors(self.errors_path, self.errors_index, self.errors_key),
            pacing=self._shared.pacing(self.in_flight, self.requests_per_second),
            in_flight=self.in_flight,
            connected=self._connected,
            tls=self.tls_context,
            verify_url=self.verify_url,
        )

    def _authorization(self, name: str) -> Authorization:
        if self.token is not None:
            return Fixed(f"Bearer {self.token.get_secret_value()}")
        if self.user is not None and self.password is not None:
            password = self.password.get_secret_value()
            return Fixed(basic(self.user, password), hidden=(password,))
        if self.oauth2_token_url and self.oauth2_client_id and self.oauth2_client_secret:
            more = {"scope": self.oauth2_scope, "audience": self.oauth2_audience}
            return ClientCredentials(
                token_url=self.oauth2_token_url,
                client_id=self.oauth2_client_id,
                client_secret=self.oauth2_client_secret.get_secret_value(),
                authenticates_in=self.oauth2_client_auth,
                more={parameter: value for parameter, value in more.items() if value},
                token=self._shared.token,
                connected=partial(self._connected, self.oauth2_token_url),
                where=f"sink {name}",
            )
        return Fixed()

    def _connected(self, url: str) -> Client:
        return Client(
            url,
            context=self.tls_context() if urlsplit(url).scheme == "https" else None,
            connections=self.in_flight,
            connect_seconds=self.connect_timeout_seconds,
        )
