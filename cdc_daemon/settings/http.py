"""`[http]`: the daemon's own server, and who may see and do what in its dashboard."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from cdc_daemon.loopback import is_loopback
from cdc_daemon.settings.section import PRIVATE_FILE, Names, Section

EVERYBODY = "*"
"""In a list of users: each one that the proxy names."""


class WebSettings(Section):
    """`[http]`."""

    listen: str = Field(
        default="",
        description="Address on which the daemon serves the dashboard, `/metrics`, `/healthz`, `/readyz` and "
        "`/status.json`: `127.0.0.1:9464`, `[::1]:9464`. Empty: it serves nothing. Needs the extra `http`.",
    )
    dashboard: bool = Field(
        default=True,
        description="Whether the daemon serves the dashboard there. An address that other machines reach "
        "needs `users` or `proxy_address` for it.",
    )
    actions: bool = Field(
        default=False,
        description="Whether everybody who reaches the dashboard may act, such as pause and retry. Only "
        "for a loopback address without `users` and `proxy_address`; every program of this machine may then "
        "act.",
    )
    users: Path | None = Field(
        default=None,
        json_schema_extra=PRIVATE_FILE,
        description="File of the users who may log in to the dashboard; `cdc-daemon dashboard user` writes "
        "it. The path is relative to the configuration file.",
    )
    proxy_address: str = Field(
        default="",
        description="Address of a trusted proxy that authenticates users: `10.0.0.7`. The dashboard then "
        "answers only requests from this address. `127.0.0.1` trusts every program of this machine.",
    )
    proxy_header: str = Field(
        default="X-Forwarded-User",
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        description="Header in which the proxy names the user. The proxy must remove it from the requests "
        "that it gets.",
    )
    proxy_documents: Names = Field(
        default=(),
        description='Users of the proxy who may see documents. `["*"]`: all.',
    )
    proxy_actions: Names = Field(
        default=(),
        description='Users of the proxy who may act, such as pause and retry. `["*"]`: all.',
    )
    certificate_file: Path | None = Field(
        default=None,
        json_schema_extra=PRIVATE_FILE,
        description="Certificate, with its chain, as PEM. The server then speaks TLS only.",
    )
    key_file: Path | None = Field(
        default=None,
        json_schema_extra=PRIVATE_FILE,
        description="Private key of the certificate, as PEM.",
    )
    allow_cleartext: bool = Field(
        default=False,
        description="Whether users may log in without TLS on an address that other machines reach. Set it "
        "if TLS ends in front of the daemon.",
    )

    @field_validator("listen")
    @classmethod
    def _is_address(cls, listen: str) -> str:
        if listen:
            address(listen)
        return listen

    @field_validator("proxy_address")
    @classmethod
    def _is_ip_address(cls, given: str) -> str:
        if given:
            try:
                ipaddress.ip_address(given)
            except ValueError:
                raise ValueError("must be an IP address, such as 10.0.0.7") from None
        return given

    @model_validator(mode="after")
    def _lets_nobody_in_unasked(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("must set certificate_file and key_file together")
        if self.users and self.proxy_address:
            raise ValueError("must set users or proxy_address, not both: one of them says who a user is")
        if self.actions and self.is_guarded:
            raise ValueError("must not set actions with users or proxy_address: there, each user has rights")
        if not self.listen or not self.dashboard or is_loopback(self.address[0]):
            return self
        if not self.is_guarded:
            raise ValueError(
                f"must not serve the dashboard on {self.listen} to everybody: set users or proxy_address, "
                "listen on a loopback address, or set dashboard = false"
            )
        if self.users and not self.certificate_file and not self.allow_cleartext:
            raise ValueError(
                f"must not take passwords on {self.listen} in clear text: set certificate_file and key_file, "
                "or allow_cleartext = true"
            )
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return address(self.listen)

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """The files of the certificate and its key; None: no TLS."""
        return (self.certificate_file, self.key_file) if self.certificate_file and self.key_file else None

    @property
    def is_guarded(self) -> bool:
        """Whether the dashboard asks who a user is."""
        return bool(self.users or self.proxy_address)


def address(text: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[host]:port`.

    Raises:
        ValueError: the text has another form, or the port is none.
    """
    host, _, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:9464")
    return host, int(port)
