"""The dashboard as an application: routes, behind the gate."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from cdc_daemon.dashboard.access.doors import TurnedAway
from cdc_daemon.dashboard.access.gate import Gate, is_api
from cdc_daemon.dashboard.access.guard import door_of
from cdc_daemon.dashboard.access.headers import KEPT_AWHILE, SecurityHeaders
from cdc_daemon.dashboard.access.login import Login, UserDoor
from cdc_daemon.dashboard.access.sessions import Sessions
from cdc_daemon.dashboard.api.endpoints import Api
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.dashboard.definitions import Action, View
from cdc_daemon.dashboard.live import Live
from cdc_daemon.dashboard.notices import Notices
from cdc_daemon.dashboard.pages import Pages
from cdc_daemon.dashboard.rendering import STATIC, Renderer
from cdc_daemon.dashboard.routes import ACTIONS, VIEWS


def dashboard(
    sources: Sources,
    live: Live | None = None,
    *,
    views: Sequence[View] = VIEWS,
    actions: Sequence[Action] = ACTIONS,
) -> Starlette:
    """Return the application.

    Args:
        live: keeps open pages up to date; a test gives one with shorter pauses.
        views, actions: the route table.
    """
    door = door_of(sources.settings.http)
    users = door if isinstance(door, UserDoor) else None
    # Log-ins outlive a restart. Without users a session only holds forms together.
    key = users.file.read().key if users else secrets.token_urlsafe(32)
    sessions = Sessions(key)
    pages = Pages(
        sources,
        Renderer(views, actions),
        sessions,
        Notices(key),
        live or Live(),
        logs_in=users is not None,
    )
    api = Api(sources, sessions)

    def refusal(request: Request, turned: TurnedAway) -> Response:
        return (api if is_api(request) else pages).refusal(request, turned)

    def not_found(request: Request, error: Exception) -> Response:
        return (api if is_api(request) else pages).not_found(request, error)

    return Starlette(
        routes=[
            Mount("/static", Static(directory=STATIC)),
            *(Login(users, sessions, pages.with_frame).routes() if users else []),
            *api.routes(views, actions),
            *pages.routes(views, actions),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Gate, door=door, sessions=sessions, refusal=refusal),
        ],
        exception_handlers={404: not_found},
    )


class Static(StaticFiles):
    """The program's own files, which a browser keeps: their addresses change with the content."""

    def file_response(self, *arguments: object, **options: object) -> Response:
        """Return a file."""
        answer = super().file_response(*arguments, **options)  # type: ignore[arg-type]
        answer.headers["Cache-Control"] = KEPT_AWHILE
        return answer
