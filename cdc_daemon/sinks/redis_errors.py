"""Explains errors of Redis: which error of a sink they are, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

import redis
from redis.exceptions import (
    ClusterCrossSlotError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
)

from cdc_daemon.bounds import AnswerTooLarge
from cdc_daemon.errors import NotAuthorized, RightMissing, SinkUnavailable, TargetFault
from cdc_daemon.sinks.malformed_answer import MALFORMED_ANSWER, described
from cdc_daemon.sinks.tls import UnusableFile
from cdc_daemon.sinks.unreachable import Names, unreachable

# By class, because the client cuts off the first word of the server's answer. The first match counts.
_OF_ANSWERS: tuple[tuple[type[redis.RedisError], str], ...] = (
    (redis.AuthenticationError, "correct user and password in url, or set them"),
    (
        NoPermissionError,
        "give the user PING, INFO, SCAN, MULTI, EXEC, DEL, EVALSHA, SCRIPT, and what hashes and streams need",
    ),
    (OutOfMemoryError, "the server's maxmemory is reached; delivery goes on by itself"),
    (ReadOnlyError, "name the primary in url, not a replica"),
    (ClusterCrossSlotError, "a cluster can't take a batch in one step: use a server that is no cluster"),
)
_KINDS: Mapping[type[redis.RedisError], type[SinkUnavailable]] = {
    redis.AuthenticationError: NotAuthorized,
    NoPermissionError: RightMissing,
}
# By text, because all errors within a script have one class.
_IN_A_SCRIPT: tuple[tuple[str, type[redis.RedisError]], ...] = (
    ("The user executing the script can't", NoPermissionError),
    ("OOM command not allowed", OutOfMemoryError),
    ("READONLY You can't write", ReadOnlyError),
)
_OF_WORDS = (
    ("CERTIFICATE_VERIFY_FAILED", "set ca_file to the authority that signed its certificate, or renew it"),
    ("WRONGTYPE", "another program uses the keys of the stream: choose another `stream`"),
)


def explained(error: Exception, where: str, *, timeout_seconds: float, secured: bool) -> SinkUnavailable:
    """Return the error for people: what failed, and what to do.

    Args:
        where: sink and feed.
        secured: whether the connection uses TLS.
    """
    if isinstance(error, UnusableFile):
        return unreachable(error, where=where, timeout_seconds=timeout_seconds, names=Names())
    if isinstance(error, (AnswerTooLarge, *MALFORMED_ANSWER)) and not isinstance(error, redis.RedisError):
        what = str(error) if isinstance(error, AnswerTooLarge) else described(error)
        hint = "correct url: which program listens there?"
        return SinkUnavailable(what, where=where, hint=hint)
    what = str(error) or type(error).__name__
    told = next((kind for words, kind in _IN_A_SCRIPT if words in what), type(error))
    for kind, hint in _OF_ANSWERS:
        if issubclass(told, kind):
            return _KINDS.get(kind, TargetFault)(what, where=where, hint=hint)
    unknown = "is the server up, and url right?"
    if secured:
        unknown += " Does it ask for client_certificate_file?"
    hint = next((hint for word, hint in _OF_WORDS if word in what), unknown)
    if isinstance(error, redis.TimeoutError | TimeoutError):
        what = f"no answer within {timeout_seconds:g} s"
    return SinkUnavailable(what, where=where, hint=hint)
