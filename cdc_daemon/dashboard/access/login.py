"""Logging in and out: the door for users of the file, and its pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cdc_daemon.dashboard.access.attempts import Attempts
from cdc_daemon.dashboard.access.doors import TurnedAway
from cdc_daemon.dashboard.access.gate import is_api, visit_of
from cdc_daemon.dashboard.access.origin import TOKEN_FIELD, require_form_of_ours
from cdc_daemon.dashboard.access.sessions import Session, Sessions
from cdc_daemon.dashboard.access.users import User, Users, UsersFile, UsersUnusable
from cdc_daemon.dashboard.access.viewer import Viewer
from cdc_daemon.dashboard.body import read_body
from cdc_daemon.dashboard.definitions import BadQuestion, Forbidden
from cdc_daemon.log import get_logger

KNOWN_SECONDS = 300.0
"""How long a program's password counts as checked: it comes with each request, and a check takes long."""

MOST_KNOWN = 1000

log = get_logger()


@dataclass
class UserDoor:
    """Lets in those who logged in, and programs that send a user's name and password."""

    file: UsersFile
    attempts: Attempts = field(default_factory=Attempts)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _known: dict[bytes, tuple[str, str, float]] = field(
        default_factory=dict[bytes, tuple[str, str, float]], init=False
    )

    def viewer(self, request: Request, session: Session | None) -> Viewer:
        """Return the user."""
        users = self._users()
        user = users.users.get(session.user) if session is not None and session.user else None
        if session is not None and user is not None and session.mark == users.mark(user):
            return Viewer(user.name, user.rights)
        if is_api(request) and (given := request.headers.get("authorization")):
            return self._program(request, users, given)
        raise TurnedAway("nobody is logged in", status=401, may_log_in=True)

    def log_in(self, address: str, name: str, password: str) -> tuple[User, str]:
        """Return the user with this name and password, and the mark for the session.

        Raises:
            TurnedAway: there is none, or there were too many tries.
        """
        wait = self.attempts.wait_seconds(address, name)
        if wait:
            raise TurnedAway(
                f"too many failed log-ins: the next one may come in {wait} s",
                status=429,
                hint="wait; if you forgot the password, ask the person who runs the daemon",
            )
        users = self._users()
        user = users.with_password(name, password)
        if user is None:
            self.attempts.fail(address, name)
            log.warning("dashboard_login_failed", user=name[:64], address=address)
            raise TurnedAway("user or password is wrong", status=401, hint="try again")
        self.attempts.succeed(address, name)
        return user, users.mark(user)

    def _program(self, request: Request, users: Users, given: str) -> Viewer:
        digest = hashlib.sha256(given.encode()).digest()
        now = time.monotonic()
        with self._lock:
            name, mark, until = self._known.get(digest, ("", "", 0.0))
        user = users.users.get(name)
        if user is None or until < now or mark != users.mark(user):
            name, password = _basic(given)
            user, mark = self.log_in(address_of(request), name, password)
            with self._lock:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[digest] = (user.name, mark, now + KNOWN_SECONDS)
        return Viewer(user.name, user.rights)

    def _users(self) -> Users:
        try:
            return self.file.read()
        except UsersUnusable as error:
            raise TurnedAway(str(error), status=503, hint=error.hint) from error


@dataclass(frozen=True)
class Login:
    """The pages to log in and out.

    Args:
        render: renders a template for a session.
    """

    door: UserDoor
    sessions: Sessions
    render: Callable[[str, Mapping[str, object], Session], str]

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/login", self._form, methods=["GET"]),
            Route("/login", self._log_in, methods=["POST"]),
            Route("/logout", self._log_out, methods=["POST"]),
        ]

    def _form(self, request: Request) -> Response:
        return self._page(request, _within(request.query_params.get("next", "/")))

    async def _log_in(self, request: Request) -> Response:
        fields = await _fields(request)
        wanted = _within(fields.get("next", "/"))
        before = self.sessions.of(request) or Sessions.new()
        try:
            require_form_of_ours(request, self.sessions, before, fields.get(TOKEN_FIELD, ""))
            user, mark = await run_in_threadpool(
                self.door.log_in, address_of(request), fields.get("user", ""), fields.get("password", "")
            )
        except Forbidden as error:
            return self._page(request, wanted, error.what, status=403)
        except TurnedAway as turned:
            return self._page(request, wanted, turned.what, status=turned.status)
        answer = RedirectResponse(wanted, 303)
        # A new ID: somebody may have planted the old one (session fixation).
        self.sessions.give(request, answer, Sessions.new(user.name, mark))
        log.info("dashboard_login", user=user.name, address=address_of(request))
        return answer

    async def _log_out(self, request: Request) -> Response:
        session = visit_of(request).session
        fields = await _fields(request)
        if session is not None:
            try:
                require_form_of_ours(request, self.sessions, session, fields.get(TOKEN_FIELD, ""))
            except Forbidden as error:
                return self._page(request, "/", error.what, status=403)
        answer = RedirectResponse("/login", 303)
        self.sessions.end(request, answer)
        return answer

    def _page(self, request: Request, wanted: str, told: str | None = None, status: int = 200) -> Response:
        session = self.sessions.of(request)
        fresh = session or Sessions.new()
        html = self.render("login.html", {"wanted": wanted, "told": told}, fresh)
        answer = HTMLResponse(html, status)
        if session is None:
            self.sessions.give(request, answer, fresh)
        return answer


def address_of(request: Request) -> str:
    """Return the address from which a request came."""
    return request.client.host if request.client else ""


async def _fields(request: Request) -> dict[str, str]:
    try:
        body = (await read_body(request)).decode()
    except (BadQuestion, UnicodeDecodeError):
        return {}
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _within(address: str) -> str:
    r"""Return an address of the dashboard itself: a browser takes `//name` and `/\name` for another host."""
    safe = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if safe else "/"


def _basic(given: str) -> tuple[str, str]:
    kind, _, coded = given.partition(" ")
    try:
        name, colon, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        kind, name, colon, password = "", "", "", ""
    if kind.lower() != "basic" or not colon:
        raise TurnedAway("the Authorization header has another form", status=401, hint="use HTTP Basic")
    return name, password
