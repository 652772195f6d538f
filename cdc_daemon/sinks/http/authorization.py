"""The header Authorization: a fixed value, or a token that is requested and renewed (OAuth 2.0)."""

from __future__ import annotations

import base64
import http.client
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import orjson

from cdc_daemon import __version__, redaction
from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.redaction import HIDDEN, printable
from cdc_daemon.sinks.http.client import Answer, Client

EXPIRES_EARLY_SECONDS = 60.0
"""Seconds before its end at which a token is renewed.

A token of at most 240 s is renewed after three quarters.
"""

_LIFE_WITHOUT_A_WORD_SECONDS = 300.0
_LONGEST_LIFE_SECONDS = 30 * 86400.0
_LONGEST_TOKEN = 16 * 1024  # in characters; servers accept less in a header


class Authorization(ABC):
    """Source of the header Authorization. Any thread may use it."""

    @abstractmethod
    def header(self, until: float) -> str | None:
        """Return the value of the header; None for no header.

        Args:
            until: deadline of a request for a token, on the monotonic clock.

        Raises:
            SinkUnavailable: the token server gave no token.
        """

    def refused(self, header: str | None) -> bool:
        """Note that the target rejected a value (401). Return whether to try another one at once."""
        _ = header
        return False

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that must not be shown."""
        return ()


@dataclass(frozen=True)
class Fixed(Authorization):
    """A fixed value: a bearer token, or user and password.

    Attributes:
        hidden: further texts that must not be shown.
    """

    value: str | None = field(default=None, repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)

    def header(self, until: float) -> str | None:
        """Return the value of the header (see `Authorization.header`)."""
        _ = until
        return self.value

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that no log and no error may show."""
        return self.hidden if self.value is None else (self.value, *self.hidden)


def basic(user: str, password: str) -> str:
    """Return the value for user and password (RFC 7617), in UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Token:
    """The token that all connections of a sink share.

    A connection holds the lock while it requests a new one.
    """

    value: str | None = field(default=None, repr=False)
    renew_at: float = 0.0
    asking: threading.Lock = field(default_factory=threading.Lock, repr=False)


@dataclass(frozen=True)
class ClientCredentials(Authorization):
    """OAuth 2.0 client credentials (RFC 6749, 4.4).

    Attributes:
        token_url: address of the token server.
        authenticates_in: whether ID and secret are sent as Basic (which servers must support) or in the body.
        more: further parameters of the request, such as `scope`.
        token: the token, which is kept until shortly before its end.
        connected: returns a client for `token_url`.
        where: sink and feed, for errors.
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    authenticates_in: Literal["header", "body"]
    more: Mapping[str, str]
    token: Token
    connected: Callable[[], Client] = field(repr=False)
    where: str
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def header(self, until: float) -> str | None:
        """Return the value of the header, with a new token if the old one ends soon.

        Raises:
            SinkUnavailable: the token server gave no token in time.
        """
        # Another request may hold the lock, with a later deadline than ours.
        if not self.token.asking.acquire(timeout=max(0.0, until - time.monotonic())):
            raise SinkUnavailable(
                "no token came in time",
                where=self._where(),
                hint="is oauth2_token_url right, and that server up?",
            )
        try:
            if self.token.value is None or self.clock() >= self.token.renew_at:
                self._renew(until)
            return f"Bearer {self.token.value}"
        finally:
            self.token.asking.release()

    def refused(self, header: str | None) -> bool:
        """Forget a rejected token, which may have been revoked. The next request gets another one."""
        with self.token.asking:
            if header == f"Bearer {self.token.value}":
                self.token.value = None
        return True

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that no log and no error may show."""
        return (self.client_secret, *([self.token.value] if self.token.value else []))

    def _renew(self, until: float) -> None:
        answer = self._ask(until)
        asked_at = self.clock()
        said = _json_object(answer)
        token = said.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not _is_printable(token):
            raise self._unavailable(answer, said)
        if str(said.get("token_type", "bearer")).lower() != "bearer":
            raise SinkUnavailable(
                "the token that it gave is no bearer token",
                where=self._where(),
                hint="set headers, if the target authorizes in another way",
            )
        life = _seconds(said.get("expires_in"))
        redaction.meet(token, *(str(said[name]) for name in ("refresh_token", "id_token") if said.get(name)))
        self.token.value = token
        self.token.renew_at = asked_at + max(life - EXPIRES_EARLY_SECONDS, life * 0.75)

    def _ask(self, until: float) -> Answer:
        form = {"grant_type": "client_credentials", **self.more}
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": f"cdc-daemon/{__version__}",
        }
        if self.authenticates_in == "header":
            # ID and secret are form-encoded before they are joined (RFC 6749, 2.3.1).
            headers["Authorization"] = basic(quote_plus(self.client_id), quote_plus(self.client_secret))
        else:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        parts = urlsplit(self.token_url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        client = self.connected()
        try:
            return client.post(target, urlencode(form, quote_via=quote).encode(), headers, until)
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise SinkUnavailable(
                f"no token could be asked for: {reason}",
                where=self._where(),
                hint="is oauth2_token_url right, and that server up?",
            ) from error
        finally:
            client.close()

    def _unavailable(self, answer: Answer, said: Mapping[str, object]) -> SinkUnavailable:
        # Show only the two members for errors of RFC 6749, 5.2. Other members may contain anything.
        told = (said.get(name) for name in ("error", "error_description"))
        reason = " ".join(one for one in told if isinstance(one, str))
        for secret in (self.client_secret, quote_plus(self.client_secret)):
            reason = reason.replace(secret, HIDDEN)
        reason = printable(reason, longest=300)
        return SinkUnavailable(
            f"no token was given: answered {answer.status}{': ' if reason else ''}{reason}",
            where=self._where(),
            hint="correct oauth2_client_id, oauth2_client_secret or oauth2_scope"
            if answer.status in {400, 401, 403}
            else "is oauth2_token_url right, and that server up?",
        )

    def _where(self) -> str:
        return f"{self.where}, {self.token_url.partition('?')[0]}"


def _json_object(answer: Answer) -> Mapping[str, object]:
    try:
        said: object = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, object]", said) if isinstance(said, dict) else {}


def _seconds(said: object) -> float:
    if isinstance(said, str) and re.fullmatch(r"[0-9]{1,18}", said):  # some servers send a string
        said = int(said)
    if isinstance(said, int | float) and not isinstance(said, bool) and said > 0:
        return min(float(said), _LONGEST_LIFE_SECONDS)
    return _LIFE_WITHOUT_A_WORD_SECONDS


def _is_printable(token: str) -> bool:
    return 0 < len(token) <= _LONGEST_TOKEN and all("\x21" <= sign <= "\x7e" for sign in token)
