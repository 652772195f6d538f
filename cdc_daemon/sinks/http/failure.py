"""What went wrong on the way to a target, and what to do about it."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.tls import UnusableFile

_TRIED_AGAIN = "look at the target's log; it is tried again"


def unavailable(error: OSError | HTTPException, *, where: str, timeout_seconds: float) -> SinkUnavailable:
    """The failure of an exchange as an error of ours."""
    what, hint = _explained(error, timeout_seconds)
    return SinkUnavailable(what, where=where, hint=hint)


def _explained(  # noqa: PLR0911 - one a cause
    error: OSError | HTTPException, timeout_seconds: float
) -> tuple[str, str]:
    match error:
        case UnusableFile():
            return str(error), "correct the file, or client_key_password"
        case TimeoutError():
            return (
                f"no whole answer within {timeout_seconds:g} s",
                "look at the target's load; raise timeout_seconds or send smaller batches",
            )
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted: {error.verify_message}",
                "set ca_file to the authority that signed it, or renew it",
            )
        case ssl.SSLError() if "CERTIFICATE" in (error.reason or "") or "ALERT" in (error.reason or ""):
            return (
                f"TLS failed: {error.reason}",
                "does the target want a client certificate? Set client_certificate_file, or renew its file",
            )
        case ssl.SSLError():
            return (
                f"TLS failed: {error.reason or error}",
                "correct url: does the port speak https? Or does the target want client_certificate_file?",
            )
        case socket.gaierror():
            return (
                f"its name can't be resolved: {error.strerror}",
                "correct url, or look at the name service",
            )
        case FileNotFoundError() | PermissionError() | IsADirectoryError() if error.filename:
            return (
                f"{error.filename} can't be read: {error.strerror}",
                "correct ca_file, client_certificate_file or client_key_file, or their rights",
            )
        case RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "closed the connection without an answer", _TRIED_AGAIN
        case IncompleteRead():
            return "broke its answer off", _TRIED_AGAIN
        case OSError():
            return f"can't be reached: {error.strerror or error}", "is the target up, and url right?"
        case _:
            return "answered with something that is not HTTP", "correct url: which program listens there?"
