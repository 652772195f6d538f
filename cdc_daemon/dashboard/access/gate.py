"""Lets a request in, or turns it away, before any route is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast
from urllib.parse import quote

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cdc_daemon.dashboard.access.address import address_of, path_of
from cdc_daemon.dashboard.access.doors import Door, TurnedAway
from cdc_daemon.dashboard.access.sessions import Session, Sessions
from cdc_daemon.dashboard.access.viewer import Viewer

FILES, LOGIN = "/static/", "/login"
"""What is answered to everybody: files of the program, and the log-in."""

Refusal = Callable[[Request, TurnedAway], Response]


@dataclass(frozen=True)
class Visit:
    """A request that was let in.

    Attributes:
        session: None for a program, which has no cookie.
        is_new: whether the answer must set the session's cookie.
    """

    viewer: Viewer
    session: Session | None
    is_new: bool = False


class Gate:
    """Finds out who asks.

    Args:
        door: knows who asks.
        refusal: makes the answer to a request that is turned away.
    """

    def __init__(self, app: ASGIApp, door: Door, sessions: Sessions, refusal: Refusal) -> None:
        self._app = app
        self._door = door
        self._sessions = sessions
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path = path_of(request)
        if path == LOGIN or path.startswith(FILES):
            await self._app(scope, receive, send)
            return
        try:
            visit = await run_in_threadpool(self._visit, request)
        except TurnedAway as turned:
            answer = self._refusal(request, turned)
            if turned.may_log_in and request.method == "GET" and not is_api(request):
                answer = _to_login(request)
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {}).update(visit=visit, visit_again=partial(self._visit, request))
        await self._app(scope, receive, send)

    def _visit(self, request: Request) -> Visit:
        session = self._sessions.of(request)
        viewer = self._door.viewer(request, session)
        if session is not None and session.user in {None, viewer.name}:
            return Visit(viewer, session)
        if is_api(request):
            return Visit(viewer, None)
        return Visit(viewer, Sessions.new(), is_new=True)


def _to_login(request: Request) -> Response:
    """Send a browser to the log-in.

    When a person follows a link from another site, such as a chat, the browser does not send the session's
    cookie (SameSite=Strict). So the first answer makes it load the same page once more, now from here.
    """
    wanted = address_of(request)
    if request.headers.get("sec-fetch-site") == "cross-site":
        return HTMLResponse(
            Markup('<!doctype html><meta http-equiv="refresh" content="0; url={}">').format(wanted)
        )
    return RedirectResponse(f"{LOGIN}?next={quote(wanted, safe='')}", 303)


def visit_of(request: Request) -> Visit:
    """Return the visit that the gate let in."""
    return cast("Visit", request.state.visit)


def is_still_welcome(request: Request) -> bool:
    """Whether the same viewer would be let in now, with the same rights."""
    try:
        return cast("Visit", request.state.visit_again()).viewer == visit_of(request).viewer
    except TurnedAway:
        return False


def is_api(request: Request) -> bool:
    """Whether a program asks, which wants JSON."""
    return path_of(request).startswith("/api/")
