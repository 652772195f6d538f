"""Settings of TLS, for sinks whose protocol has it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from cdc_daemon.sinks.cleartext import CleartextSettings


class UnusableFile(OSError):
    """A configured file has no certificate or key, or not a matching one."""


class TlsSettings(CleartextSettings, frozen=True):
    """The files of TLS. The sink always verifies the server."""

    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities to trust, instead of the system's. The sink always "
        "verifies TLS.",
    )
    client_certificate_file: Path | None = Field(
        default=None, description="PEM file of the client certificate."
    )
    client_key_file: Path | None = Field(
        default=None, description="PEM file of its private key, if the key is not in the same file."
    )
    client_key_password: SecretStr | None = Field(
        default=None,
        description="Password of that key. A secret: prefer `client_key_password_file`.",
    )

    @model_validator(mode="after")
    def _a_key_has_a_certificate(self) -> Self:
        if self.client_certificate_file is None and (self.client_key_file or self.client_key_password):
            raise ValueError("must have client_certificate_file, if it has a key")
        return self

    def tls_context(self) -> ssl.SSLContext:
        """Return the context that verifies the server and sends our certificate.

        Raises:
            OSError: a file can't be read, or has another content (UnusableFile).
        """
        used = self.ca_file
        try:
            context = ssl.create_default_context(cafile=readable(used) if used else None)
            if self.client_certificate_file is not None:
                used = self.client_certificate_file
                # Without a password, OpenSSL would ask for one on the terminal.
                password = self.client_key_password.get_secret_value() if self.client_key_password else ""
                key = readable(self.client_key_file) if self.client_key_file else None
                context.load_cert_chain(readable(used), key, password)
        except ssl.SSLError as error:
            raise UnusableFile(f"{used} can't be used: {error.reason or error}") from error
        return context


def readable(file: Path) -> Path:
    """Return the path of a readable file. The ssl module's own errors don't name the file.

    Raises:
        OSError: the file can't be read. The error names it.
    """
    file.open("rb").close()
    return file
