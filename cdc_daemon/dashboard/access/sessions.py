"""Sessions of browsers in signed cookies, and the tokens that their forms carry."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from dataclasses import asdict, dataclass
from typing import cast

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

LONGEST_SECONDS = 12 * 3600
"""A session ends after so long, however busy it is."""


@dataclass(frozen=True)
class Session:
    """A browser's session.

    Attributes:
        id: random; a new one at each log-in.
        user: the user who logged in, or whom the proxy named; None if nobody did.
        mark: what a log-in is bound to (see `cdc_daemon.dashboard.access.users`).
    """

    id: str
    user: str | None = None
    mark: str = ""


class Sessions:
    """Signs sessions and checks them.

    Args:
        key: the secret key of the signatures.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._signer = URLSafeTimedSerializer(key, salt="cdc-daemon session")
        self._lock = threading.Lock()
        self._ended: dict[str, float] = {}

    @staticmethod
    def new(user: str | None = None, mark: str = "") -> Session:
        """Return a session with an ID that nobody knows."""
        return Session(secrets.token_urlsafe(24), user, mark)

    def of(self, request: Request) -> Session | None:
        """Return the session of a request; None if it has no valid one."""
        cookie = request.cookies.get(cookie_name(request))
        if not cookie:
            return None
        try:
            content = self._signer.loads(cookie, max_age=LONGEST_SECONDS)
            session = Session(**cast("dict[str, str]", content))
        except (BadData, TypeError):
            return None
        with self._lock:
            return None if session.id in self._ended else session

    def give(self, request: Request, response: Response, session: Session) -> None:
        """Set the cookie of a session."""
        response.set_cookie(
            cookie_name(request),
            self._signer.dumps(asdict(session)),
            max_age=LONGEST_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def end(self, request: Request, response: Response) -> None:
        """End the session of a request, also for those who may have copied its cookie."""
        session = self.of(request)
        now = time.monotonic()
        with self._lock:
            self._ended = {each: until for each, until in self._ended.items() if until > now}
            if session is not None:
                self._ended[session.id] = now + LONGEST_SECONDS
        response.delete_cookie(
            cookie_name(request),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def token(self, session: Session) -> str:
        """Return the token that a form of this session carries."""
        return hmac.new(self._key, f"form {session.id}".encode(), "sha256").hexdigest()

    def has_token(self, session: Session, token: str) -> bool:
        """Whether this is the token of the session."""
        return hmac.compare_digest(self.token(session).encode(), token.encode())


def cookie_name(request: Request) -> str:
    """Return the cookie's name.

    It has the port: browsers share cookies among all ports of a host, where other daemons may be.
    """
    name = f"cdc_{request.url.port}" if request.url.port else "cdc"
    # A browser takes a cookie of this prefix only from this very host, and only with TLS.
    return f"__Host-{name}" if request.url.scheme == "https" else name
