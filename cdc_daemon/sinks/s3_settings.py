"""Settings of the S3 sink."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.cleartext import CleartextSettings, clear_host
from cdc_daemon.sinks.formats import FormattedSettings
from cdc_daemon.sinks.frames import Compression, frames, known_here
from cdc_daemon.sinks.s3 import S3Sink
from cdc_daemon.sinks.settings import MAY_HOLD_SECRET


def _checked_prefix(template: str) -> str:
    if not placeholders.checked(template).endswith("/") or template.startswith("/"):
        raise ValueError("must end with / and not begin with it")
    if "{feed}" not in template:
        raise ValueError("must hold {feed}: each feed has objects of its own")
    return template


def _checked_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with https:// or http:// and a host")
    return url


class S3Settings(FormattedSettings, CleartextSettings, frozen=True):
    """`type = "s3"`."""

    type: Literal["s3"] = Field(default="s3", description="Kind of sink.")
    batch_records: int = Field(
        default=10_000, ge=1, le=100_000, description="Largest size of one batch, in records."
    )
    batch_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=1,
        le=1024 * 1024 * 1024,
        description="Largest size of one batch, in bytes. A single document that is larger goes alone.",
    )
    bucket: str = Field(min_length=3, description="Bucket to write to; it must exist.")
    prefix: Annotated[str, AfterValidator(_checked_prefix)] = Field(
        default="{feed}/",
        description="Prefix of the names of a feed's objects. `{feed}` and `{sink}` stand for their names.",
    )
    compression: Annotated[Compression, AfterValidator(known_here)] = Field(
        default="gzip", description="`gzip`, `zstd` or `none`."
    )
    region: str | None = Field(default=None, description="Region of the bucket. Default: the environment's.")
    endpoint_url: Annotated[str, AfterValidator(_checked_endpoint)] | None = Field(
        default=None,
        description="Address of a service that is not Amazon's: `https://host:9000`.",
        json_schema_extra=MAY_HOLD_SECRET,
    )
    access_key_id: str | None = Field(
        default=None,
        description="Access key. Default: the credentials that boto3 finds (environment, profile, role of "
        "the machine).",
    )
    secret_access_key: SecretStr | None = Field(
        default=None, description="Secret of that key. A secret: prefer `secret_access_key_file`."
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities to trust, instead of the system's. The sink always "
        "verifies TLS.",
    )

    @model_validator(mode="after")
    def _whole_key(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("must have access_key_id and secret_access_key, or neither")
        return self

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield the signed requests, which boto3 always sends (see `CleartextSettings.in_clear`).

        boto3 does not send the secret, but it sends a session token, and a reader can repeat a signed
        request.
        """
        if self.endpoint_url and (host := clear_host(self.endpoint_url, "http")):
            yield f"signed requests to {host}", "begin endpoint_url with https://"

    def address(self) -> tuple[str, ...]:
        """Return address, bucket and prefix (see `SinkSettings.address`)."""
        return (self.endpoint_url or "", self.bucket, self.prefix)

    def open(self, name: str) -> S3Sink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return S3Sink(
            name,
            self.batch_records,
            self.batch_bytes,
            self.timeout_seconds,
            settings=self,
            format=self.format_for(name),
            frames=frames(self.compression),
        )
