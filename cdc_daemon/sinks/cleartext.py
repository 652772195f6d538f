"""Credentials that would go over a network in clear text: refused unless a person allows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from cdc_daemon.loopback import is_loopback
from cdc_daemon.sinks.settings import SinkSettings


class CleartextSettings(SinkSettings, frozen=True):
    """What a kind of sink has whose credentials a network may carry."""

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
        """What these settings would send in clear text to another machine, and what to set instead.

        Yields:
            Such as `("user and password to cache.example", "begin url with rediss://")`.
        """
        yield from ()


def clear_host(url: str, *clear_schemes: str) -> str | None:
    """The other machine that a URL reaches without TLS; None if it has TLS, or the machine is this one."""
    parts = urlsplit(url.strip())
    host = parts.hostname or ""
    return host if parts.scheme in clear_schemes and not is_loopback(host) else None
