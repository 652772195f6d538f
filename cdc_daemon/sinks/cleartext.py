"""Refuses credentials in clear text over a network, unless a person allows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from cdc_daemon.loopback import is_loopback
from cdc_daemon.sinks.settings import SinkSettings


class CleartextSettings(SinkSettings, frozen=True):
    """Settings of a sink that may send credentials over a network."""

    allow_cleartext: bool = Field(
        default=False,
        description="Whether the sink may send credentials to another machine without TLS. Anyone on the "
        "network path can then read them.",
    )

    @model_validator(mode="after")
    def _no_credential_goes_out_in_clear(self) -> Self:
        if not self.allow_cleartext:
            for what, remedy in self.in_clear():
                raise ValueError(f"must not send {what} in clear text: {remedy}, or allow_cleartext = true")
        return self

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield the credentials that the sink would send in clear text, and what to set instead.

        Yields:
            For example `("user and password to cache.example", "begin url with rediss://")`.
        """
        yield from ()


def clear_host(url: str, *clear_schemes: str) -> str | None:
    """Return the host of a URL without TLS; None if the URL has TLS or the host is this machine."""
    parts = urlsplit(url.strip())
    host = parts.hostname or ""
    return host if parts.scheme in clear_schemes and not is_loopback(host) else None
