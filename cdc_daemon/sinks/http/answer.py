"""What an HTTP answer means for the records that were sent."""

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
"""The target is there, and can't keep up."""

_SHOWN_BYTES = 500
_SHORTEST_SECRET = 4  # a header with the value "1" is no secret, and hiding every 1 would garble the answer

_NOT_AUTHORIZED = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
)
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_NO_ROOM = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INSUFFICIENT_STORAGE})
"""A smaller document may be taken, and the others are no worse for that."""

# Of the address or the rights, not of the records: every batch would be refused alike, and setting all of
# them aside for an expired token would leave a person with a whole feed to send again.
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
    """Return when the answer says that the target has the records.

    Args:
        where: sink, feed and URL, for the error.
        secrets: what was sent to authorize; never shown, also when the answer repeats it.

    Raises:
        SinkUnavailable: not now (408, 425, 429, 5xx), or not this way (3xx, 404 …).
        NotAuthorized: 401, 403, 407.
        RecordsRefused: these records not (the other 4xx).
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
    """The pause that an answer asks for, in seconds."""
    return retry_after(answer.headers.get("retry-after"), datetime.now(UTC))


def retry_after(value: str | None, now: datetime) -> float | None:
    """The pause that a Retry-After header (seconds or a date, RFC 9110, 10.2.3) asks for, in seconds.

    At most an hour: a wrong clock or a slip over there must not end delivery. None without a usable one.
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,18}\s*", value):
        return min(float(value), LONGEST_RETRY_AFTER_SECONDS)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError, TypeError, IndexError):  # whatever stood there was no date
        return None
    if date.tzinfo is None:  # "-0000": UTC without saying where
        date = date.replace(tzinfo=UTC)
    return min(max(0.0, (date - now).total_seconds()), LONGEST_RETRY_AFTER_SECONDS)


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # a number of the server's own
        return str(status)


def shown(body: bytes, secrets: Iterable[str]) -> str:
    """A target's words as they may stand in a message: cut, on one line, without secrets."""
    text = body.decode("utf-8", "replace")
    # "Bearer x" hides both the whole and x: an answer may repeat either. Longest first, or a part would
    # leave the rest of the whole.
    hidden = {piece for secret in secrets for piece in (secret, *secret.split())}
    for piece in sorted(hidden, key=len, reverse=True):
        if len(piece) >= _SHORTEST_SECRET and piece.lower() not in {"bearer", "basic", "digest"}:
            text = text.replace(piece, HIDDEN)
    text = hide(text)
    return _printable(text.encode("utf-8")[:_SHOWN_BYTES].decode("utf-8", "ignore"))


def _without_query(location: str) -> str:
    """A signed address carries its signature there."""
    return location.partition("#")[0].partition("?")[0]


def _printable(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
