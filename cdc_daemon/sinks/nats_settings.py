"""Settings of the NATS sink."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.cleartext import clear_host
from cdc_daemon.sinks.formats import FormattedSettings
from cdc_daemon.sinks.nats import NatsSink
from cdc_daemon.sinks.settings import without_user
from cdc_daemon.sinks.tls import TlsSettings


def _checked_url(url: SecretStr) -> SecretStr:
    for server in url.get_secret_value().split(","):
        parts = urlsplit(server.strip())
        if parts.scheme not in {"nats", "tls"} or not parts.hostname:
            raise ValueError("must begin with nats:// or tls:// and a host; several have commas between them")
    return url


def _checked_subject(template: str) -> str:
    words = placeholders.checked_with_key(template).split(".")
    if not all(re.fullmatch(r"[\x21-\x7e]+", word) and word not in {"*", ">"} for word in words):
        raise ValueError("must be words of ASCII with dots between them, without blanks and wildcards")
    if any("{key}" in word for word in words[:-1]) or ("{key}" in words[-1] and words[-1] != "{key}"):
        raise ValueError("must have {key} as its last word, if at all: a key may be several words")
    return template


class NatsSettings(FormattedSettings, TlsSettings, frozen=True):
    """`type = "nats"`."""

    type: Literal["nats"] = Field(default="nats", description="Kind of sink.")
    url: Annotated[SecretStr, AfterValidator(_checked_url)] = Field(
        description="Addresses of the servers: `nats://user:password@host:4222`, with TLS `tls://…`; "
        "separate several by commas. A secret: if it holds a password, use `url_file`."
    )
    token: SecretStr | None = Field(
        default=None, description="Token for the authentication. A secret: prefer `token_file`."
    )
    subject: Annotated[str, AfterValidator(_checked_subject)] = Field(
        default="cdc.{feed}",
        description="Subject of a record. `{feed}` and `{sink}` stand for their names; `{key}`, as the last "
        "word, stands for the values of the key.",
    )
    stream: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = Field(
        default="cdc", description="Stream that takes the subject."
    )
    create: bool = Field(default=True, description="Whether the sink creates a missing stream.")
    duplicate_window_seconds: float = Field(
        default=120.0,
        gt=0,
        description="How long a stream that the sink creates remembers message IDs, in seconds.",
    )

    def address(self) -> tuple[str, ...]:
        """Return servers, stream and subject (see `SinkSettings.address`)."""
        return (without_user(self.url.get_secret_value()), self.stream, self.subject)

    def open(self, name: str) -> NatsSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return NatsSink(
            name,
            self.batch_records,
            self.batch_bytes,
            self.timeout_seconds,
            settings=self,
            format=self.format_for(name),
        )

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield user and password of `url`, or the token (see `CleartextSettings.in_clear`)."""
        if self.uses_tls():
            return
        for url in self.urls():
            host = clear_host(url, "nats")
            if host and (self.token or urlsplit(url).username):
                yield f"user and password, or the token, to {host}", "begin url with tls://"

    def urls(self) -> list[str]:
        """Return the URL of each server. It may contain a password."""
        return [server.strip() for server in self.url.get_secret_value().split(",")]

    def uses_tls(self) -> bool:
        """Return whether the connection uses TLS."""
        return any(url.startswith("tls://") for url in self.urls())
