"""Interprets an HTTP answer: whether the target took the records, and why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from cdc_daemon.errors import NotAuthorized, RecordsRefused, SinkUnavailable, TargetFault
from cdc_daemon.redaction import HIDDEN, hide
from cdc_daemon.sinks.http.client import Answer

LONGEST_RETRY_AFTER_SECONDS = 3600.0
PUSHED_BACK = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""Statuses of a target that can't keep up."""

_SHOWN_BYTES = 500
_SHORTEST_SECRET = 4  # a header with the value "1" is no secret, and hiding every 1 would garble the answer

_NOT_AUTHORIZED = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
)
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_NO_ROOM = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INSUFFICIENT_STORAGE})
"""Statuses of one document, for example one that is too large. Others may be accepted."""

# Errors of the address or of rights, not of records: the target would refuse every batch. If the daemon set
# all records aside because of an expired token, a person would have to send a whole feed again.
_OF_THE_CONFIGURATION: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "renew the token or the headers that authorize",
    HTTPStatus.FORBIDDEN: "give the token's owner the right to write there",
    HTTPStatus.NOT_FOUND: "correct url: there is nothing at this address",
    HTTPStatus.METHOD_NOT_ALLOWED: "correct url: what is there takes no POST",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "a proxy on the way wants to know who this is",
    HTTPStatus.GONE: "correct url: what was at this address is gone for good",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "set format, framing and compression to what the target takes",
    HTTPStatus.MISDIRECTED_REQUEST: "correct url: another server answers there",
}


def judge(answer: Answer, *, where: str, secrets: Iterable[str]) -> None:
    """Check that the answer confirms the records.

    Args:
        where: sink, feed and URL, for errors.
        secrets: credentials of the request. They are never shown, even if the answer repeats them.

    Raises:
        SinkUnavailable: the target takes nothing now (408, 425, 429, 5xx), or the address is wrong (3xx,
            404 …).
        NotAuthorized: 401, 403, 407.
        RecordsRefused: the target refuses these records (other 4xx).
    """
    if 200 <= answer.status < 300:
        return
    said = shown(answer.body, secrets)
    what = f"answered {_status(answer.status)}{': ' if said else ''}{said}"
    if answer.status in _PASSING or answer.status >= 500:
        kind = TargetFault if answer.status in _NO_ROOM else SinkUnavailable
        raise kind(
            what,
            where=where,
            hint="nothing to do: it is tried again",
            retry_after_seconds=asked_pause(answer),
        )
    if answer.status < 400:
        location = _printable(hide(_without_query(answer.headers.get("location") or "elsewhere")))
        hint = f"redirects are not followed: set url to where it is, if that is right: {location}"
        raise SinkUnavailable(what, where=where, hint=hint)
    if answer.status in _NOT_AUTHORIZED:
        raise NotAuthorized(what, where=where, hint=_OF_THE_CONFIGURATION[answer.status])
    if answer.status in _OF_THE_CONFIGURATION:
        raise SinkUnavailable(what, where=where, hint=_OF_THE_CONFIGURATION[answer.status])
    raise RecordsRefused(
        what, where=where, hint="look at what the target says about the record", status=answer.status
    )


def asked_pause(answer: Answer) -> float | None:
    """Return the pause that an answer requests, in seconds."""
    return retry_after(answer.headers.get("retry-after"), datetime.now(UTC))


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the pause of a Retry-After header (seconds or a date, RFC 9110, 10.2.3), in seconds.

    It is an hour at most, so that a wrong clock of the target does not end the delivery. None if the header
    is missing or unusable.
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,18}\s*", value):
        return min(float(value), LONGEST_RETRY_AFTER_SECONDS)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError, TypeError, IndexError):  # it is no date
        return None
    if date.tzinfo is None:  # "-0000" means UTC without a known zone
        date = date.replace(tzinfo=UTC)
    return min(max(0.0, (date - now).total_seconds()), LONGEST_RETRY_AFTER_SECONDS)


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # a non-standard status
        return str(status)


def shown(body: bytes, secrets: Iterable[str]) -> str:
    """Return a target's text for a message: shortened, on one line, without secrets."""
    text = body.decode("utf-8", "replace")
    # Hide both "Bearer x" and x: an answer may repeat either. Replace the longest first; otherwise the rest
    # of a longer secret would stay.
    hidden = {piece for secret in secrets for piece in (secret, *secret.split())}
    for piece in sorted(hidden, key=len, reverse=True):
        if len(piece) >= _SHORTEST_SECRET and piece.lower() not in {"bearer", "basic", "digest"}:
            text = text.replace(piece, HIDDEN)
    text = hide(text)
    return _printable(text.encode("utf-8")[:_SHOWN_BYTES].decode("utf-8", "ignore"))


def _without_query(location: str) -> str:
    """Remove the query, where a signed URL has its signature."""
    return location.partition("#")[0].partition("?")[0]


def _printable(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
