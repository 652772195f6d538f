"""Explains failures of name service, network and TLS on the way to a target."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from cdc_daemon.bounds import AnswerTooLarge
from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.tls import UnusableFile


class NoTls(OSError):
    """The server offers no TLS."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of a sink's settings, for hints.

    Attributes:
        server: setting of the target's address.
        authority: setting of the trusted authorities.
        certificate: setting of the client certificate.
        files: settings of all files of TLS.
    """

    server: str = "url"
    authority: str = "ca_file"
    certificate: str = "client_certificate_file"
    files: str = "ca_file, client_certificate_file or client_key_file"


def unreachable(error: OSError, *, where: str, timeout_seconds: float, names: Names) -> SinkUnavailable:
    """Return the error for people: what failed, and what to do."""
    what, hint = explained(error, timeout_seconds, names)
    return SinkUnavailable(what, where=where, hint=hint)


def explained(  # noqa: PLR0911 - one a cause
    error: OSError, timeout_seconds: float, names: Names
) -> tuple[str, str]:
    """Return the failure and the hint."""
    match error:
        case UnusableFile():
            return str(error), "correct the file, or client_key_password"
        case AnswerTooLarge():
            return str(error), f"correct {names.server}: which program listens there?"
        case TimeoutError():
            return (
                f"no whole answer within {timeout_seconds:g} s",
                "look at the target's load; raise timeout_seconds or send smaller batches",
            )
        case NoTls():
            return "the server has no TLS", f"set it up there, or correct {names.server}"
        case ssl.SSLError():
            return _of_tls(error, names)
        case socket.gaierror():
            return (
                f"its name can't be resolved: {error.strerror}",
                f"correct {names.server}, or look at the name service",
            )
        case FileNotFoundError() | PermissionError() | IsADirectoryError() if error.filename:
            return (
                f"{error.filename} can't be read: {error.strerror}",
                f"correct {names.files}, or their rights",
            )
        case ConnectionResetError() | BrokenPipeError():
            return "closed the connection without an answer", "look at the target's log; it is tried again"
        case _:
            return (
                f"can't be reached: {error.strerror or error}",
                f"is the target up, and {names.server} right?",
            )


def wants_certificate(error: ssl.SSLError) -> bool:
    """Whether the server rejected or missed our client certificate, according to its TLS alert."""
    reason = error.reason or ""
    return not isinstance(error, ssl.SSLCertVerificationError) and (
        "CERTIFICATE" in reason or "ALERT" in reason
    )


def _of_tls(error: ssl.SSLError, names: Names) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message}",
            f"set {names.authority} to the authority that signed it, or renew it",
        )
    if wants_certificate(error):
        return (
            f"TLS failed: {error.reason}",
            f"does the target want a client certificate? Set {names.certificate}, or renew its file",
        )
    return (
        f"TLS failed: {error.reason or error}",
        f"correct {names.server}: does the port speak TLS? Or does the target want {names.certificate}?",
    )
