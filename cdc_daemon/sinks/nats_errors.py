"""Explains errors of NATS: which error of a sink they are, and what to do."""

from __future__ import annotations

import re
import ssl

import nats.errors
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from cdc_daemon.bounds import AnswerTooLarge
from cdc_daemon.errors import NotAuthorized, RightMissing, SinkUnavailable, TargetFault
from cdc_daemon.sinks.unreachable import NoTls

NOT_AUTHORIZED = re.compile(
    r"(?i)authorization violation|authentication (?:timeout|expired)|permissions viol"
)
"""Texts of a server that refuses a client. The client raises them without a class of their own."""

_MAY_NOT_PUBLISH = re.compile(r"(?i)permissions violation for publish")
_LET_IN = "correct user, password or token, or set them"


def explained(
    error: Exception, where: str, *, stream: str, timeout_seconds: float, secured: bool
) -> SinkUnavailable:
    """Return the error for people: what failed, and what to do.

    Args:
        where: sink and feed.
        stream: name of the stream.
        secured: whether the connection uses TLS.
    """
    what, hint = str(error) or type(error).__name__, "look at the server's log; it is tried again"
    kind: type[SinkUnavailable] = SinkUnavailable
    match error:
        case TimeoutError():
            what = f"not everything was acknowledged within {timeout_seconds:g} s"
        case NoStreamResponseError() | NotFoundError():
            hint = f"make a stream {stream} that takes the subject, or set create = true"
            kind = TargetFault
        case APIError():
            kind = TargetFault
            hint = "look at the stream's limits and subjects: nats stream info"
        case nats.errors.AuthorizationError():
            return NotAuthorized(what, where=where, hint=_LET_IN)
        case nats.errors.Error() if _MAY_NOT_PUBLISH.search(what):
            hint = "let the user publish to the subject"
            return RightMissing(what, where=where, hint=hint)
        case nats.errors.Error() if NOT_AUTHORIZED.search(what):
            return NotAuthorized(what, where=where, hint=_LET_IN)
        case NoTls():
            hint = "nothing was shown to it: set TLS up there, or correct url"
        case ssl.SSLCertVerificationError():
            hint = "set ca_file to the authority that signed its certificate, or renew it"
        case AnswerTooLarge():
            hint = "correct url: which program listens there?"
        case OSError() | nats.errors.NoServersError() if secured:
            hint = "is the server up, and url right? Does it ask for client_certificate_file?"
        case OSError() | nats.errors.NoServersError():
            hint = "is the server up, and url right? Where it asks for TLS, url begins with tls://"
        case _:
            pass
    return kind(what, where=where, hint=hint)
