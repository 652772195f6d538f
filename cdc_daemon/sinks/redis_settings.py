"""Settings of the Redis sink."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.cleartext import clear_host
from cdc_daemon.sinks.formats import FormattedSettings
from cdc_daemon.sinks.redis import RedisSink
from cdc_daemon.sinks.settings import without_user
from cdc_daemon.sinks.tls import TlsSettings

_PARAMETERS = ("client_name", "db", "protocol")


def _checked_url(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must begin with redis://, rediss:// (TLS) or unix://")
    # Parameters of a URL override our options in the client: unverified TLS, other time limits.
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _PARAMETERS:
            raise ValueError(
                f"must not have the parameter {name}: of all, {', '.join(_PARAMETERS)} are taken"
            )
    return url


def _checked_key(template: str) -> str:
    if "{key}" not in placeholders.checked_with_key(template):
        raise ValueError("must hold {key}: each document needs a hash of its own")
    return template


class RedisSettings(FormattedSettings, TlsSettings, frozen=True):
    """`type = "redis"`."""

    type: Literal["redis"] = Field(default="redis", description="Kind of sink.")
    url: Annotated[SecretStr, AfterValidator(_checked_url)] = Field(
        description="Address of the server: `redis://user:password@host:6379/0`, with TLS `rediss://…`. A "
        "secret: if it holds a password, use `url_file`."
    )
    mode: Literal["hash", "stream"] = Field(
        default="hash",
        description="`hash`: a hash for each document, with its latest state. `stream`: a stream for each "
        "feed, with every change, in the configured `format`.",
    )
    key: Annotated[str, AfterValidator(_checked_key)] = Field(
        default="{feed}:{key}",
        description="Name of a document's hash. `{feed}` and `{sink}` stand for their names; `{key}` stands "
        "for the values of the key, separated by `:`.",
    )
    stream: Annotated[str, AfterValidator(placeholders.checked)] = Field(
        default="{feed}",
        description="Name of a feed's stream. `{feed}` and `{sink}` stand for their names. Two more keys "
        "have the same name with `:revisions` and `:deleted` at the end.",
    )
    max_entries: int = Field(
        default=0, ge=0, description="Approximate number of entries that a stream keeps. 0: all."
    )
    tombstone_seconds: int = Field(
        default=7 * 86400,
        ge=3600,
        description="How long the target remembers the revision of a deleted document, in seconds, so that "
        "a late record does not bring the document back.",
    )
    replicas: int = Field(
        default=0,
        ge=0,
        description="Number of replicas that must have a batch before it counts as delivered.",
    )

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield user and password of `url` (see `CleartextSettings.in_clear`)."""
        url = self.url.get_secret_value()
        host, parts = clear_host(url, "redis"), urlsplit(url)
        if host and (parts.username or parts.password):
            yield f"user and password to {host}", "begin url with rediss://"

    def address(self) -> tuple[str, ...]:
        """Return server, database, mode and name (see `SinkSettings.address`)."""
        name = self.key if self.mode == "hash" else self.stream
        url = self.url.get_secret_value()
        return (without_user(url), dict(parse_qsl(urlsplit(url).query)).get("db", ""), self.mode, name)

    def open(self, name: str) -> RedisSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return RedisSink(
            name,
            self.batch_records,
            self.batch_bytes,
            self.timeout_seconds,
            settings=self,
            format=self.format_for(name),
        )
