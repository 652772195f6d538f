"""Explains errors of S3: which error of a sink they are, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
)

from cdc_daemon.bounds import AnswerTooLarge
from cdc_daemon.errors import NotAuthorized, RightMissing, SinkUnavailable, TargetFault
from cdc_daemon.sinks.malformed_answer import MALFORMED_ANSWER, described

_HINTS: Mapping[str, str] = {
    "403": "give the credentials s3:ListBucket on the bucket and s3:PutObject below prefix",
    "404": "make the bucket, or correct its name",
    "409": "another daemon writes the same object at this moment; it is tried again",
    "301": "set region to the bucket's",
}
_OF_THE_BUCKET = frozenset({301, 404, 507})  # another region, no bucket, no space
_WRONG_KEY = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"})


def explained(error: Exception, where: str) -> SinkUnavailable:
    """Return the error for people: what failed, and what to do.

    Args:
        where: sink, feed, bucket and prefix.
    """
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        hint = _HINTS.get(str(status_of(error)), "look at what the service says; it is tried again")
        if told.get("Code") in _WRONG_KEY:
            hint = "correct access_key_id and secret_access_key, or renew what boto3 finds"
        kind: type[SinkUnavailable] = SinkUnavailable
        if status_of(error) in {401, 403}:
            kind = NotAuthorized if told.get("Code") in _WRONG_KEY else RightMissing
        elif status_of(error) in _OF_THE_BUCKET:
            kind = TargetFault
        return kind(f"{told.get('Code')}: {told.get('Message')}", where=where, hint=hint)
    if isinstance(error, SSLError):
        hint = "set ca_file to the authority that signed its certificate; does the port speak https?"
        return SinkUnavailable(str(error), where=where, hint=hint)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        hint = "set access_key_id and secret_access_key, or give the machine a role"
        return NotAuthorized(str(error), where=where, hint=hint)
    if isinstance(error, (AnswerTooLarge, *MALFORMED_ANSWER)):
        what = str(error) if isinstance(error, AnswerTooLarge) else described(error)
        hint = "correct endpoint_url: which program listens there?"
        return SinkUnavailable(what, where=where, hint=hint)
    what, hint = str(error), "is the service up, and endpoint_url right? boto3 also needs credentials"
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError | TimeoutError):
        what, hint = (
            str(error) or "no answer in time",
            "look at the service's load; raise timeout_seconds",
        )
    return SinkUnavailable(what, where=where, hint=hint)


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an error, or 0 if it has none."""
    found = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(found)
