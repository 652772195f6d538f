"""Explains failures of an HTTP exchange."""

from __future__ import annotations

from http.client import HTTPException, IncompleteRead, RemoteDisconnected

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.unreachable import Names, explained

_TRIED_AGAIN = "look at the target's log; it is tried again"


def unavailable(error: OSError | HTTPException, *, where: str, timeout_seconds: float) -> SinkUnavailable:
    """Return the error for people: what failed, and what to do."""
    what, hint = _explained(error, timeout_seconds)
    return SinkUnavailable(what, where=where, hint=hint)


def _explained(error: OSError | HTTPException, timeout_seconds: float) -> tuple[str, str]:
    match error:
        case RemoteDisconnected():
            return "closed the connection without an answer", _TRIED_AGAIN
        case OSError():
            return explained(error, timeout_seconds, Names())
        case IncompleteRead():
            return "broke its answer off", _TRIED_AGAIN
        case _:
            return "answered with something that is not HTTP", "correct url: which program listens there?"
