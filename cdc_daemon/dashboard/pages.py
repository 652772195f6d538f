"""The pages: a view through its template, and the forms of the actions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from cdc_daemon.dashboard.access.address import address_of, path_of
from cdc_daemon.dashboard.access.doors import TurnedAway
from cdc_daemon.dashboard.access.gate import is_still_welcome, visit_of
from cdc_daemon.dashboard.access.origin import TOKEN_FIELD, require_form_of_ours
from cdc_daemon.dashboard.access.sessions import Session, Sessions
from cdc_daemon.dashboard.access.viewer import Viewer
from cdc_daemon.dashboard.asking import Sources, require
from cdc_daemon.dashboard.body import read_body
from cdc_daemon.dashboard.definitions import Action, BadQuestion, Forbidden, View
from cdc_daemon.dashboard.failures import EXPECTED, status_of, told
from cdc_daemon.dashboard.live import Live, Shown
from cdc_daemon.dashboard.notices import Notice, Notices
from cdc_daemon.dashboard.questions import of_texts
from cdc_daemon.dashboard.rendering import Rendered, Renderer

Endpoint = Callable[[Request], Response]
AsyncEndpoint = Callable[[Request], Awaitable[Response]]

LIVE = "/live"
"""Below it, each page has its stream."""


@dataclass(frozen=True)
class Pages:
    """Serves pages.

    Attributes:
        logs_in: whether users log in here, and so can log out.
    """

    sources: Sources
    renderer: Renderer
    sessions: Sessions
    notices: Notices
    live: Live
    logs_in: bool = False

    def routes(self, views: Sequence[View], actions: Sequence[Action]) -> list[Route]:
        """Return a page and a stream for each view, and a form's target for each action."""
        return [
            *(Route(view.path, self._page(view), methods=["GET"]) for view in views),
            *(Route(f"{LIVE}{view.path}", self._stream(view), methods=["GET"]) for view in views),
            *(Route(action.path, self._form(action), methods=["POST"]) for action in actions),
        ]

    def with_frame(self, template: str, context: Mapping[str, object], session: Session) -> str:
        """Return a page for a browser that nobody knows yet."""
        frame = {"viewer": None, "notice": None, "logs_in": self.logs_in}
        html = self.renderer.render(template, {**frame, **context}).text
        return self.renderer.with_token(html, self.sessions.token(session))

    def refusal(self, _request: Request, turned: TurnedAway) -> Response:
        """Return the page for a request that is not let in."""
        return HTMLResponse(self._failed(turned, turned.status, None), turned.status)

    def not_found(self, request: Request, _error: Exception) -> Response:
        """Return the page for an address that does not exist."""
        error = BadQuestion("there is no such page", where=path_of(request))
        return HTMLResponse(self._failed(error, 404, None), 404)

    def _page(self, view: View) -> Endpoint:
        def page(request: Request) -> Response:
            visit = visit_of(request)
            notice = self.notices.take(request)
            try:
                html, status = self._rendered(view, visit.viewer, request, notice).text, 200
            except EXPECTED as error:
                status = status_of(error)
                html = self._failed(error, status, visit.viewer)
            session = visit.session
            answer = HTMLResponse(
                self.renderer.with_token(html, self.sessions.token(session) if session else ""), status
            )
            if visit.is_new and session is not None:
                self.sessions.give(request, answer, session)
            if notice is not None:
                self.notices.forget(answer)
            return answer

        return page

    def _stream(self, view: View) -> Endpoint:
        def stream(request: Request) -> Response:
            visit = visit_of(request)
            try:
                require(view.needs, visit.viewer)
            except Forbidden as error:
                return PlainTextResponse(str(error), 403)
            # No name: what is rendered is shown to everybody with these rights.
            nameless = Viewer("", visit.viewer.rights)
            token = self.sessions.token(visit.session) if visit.session else ""
            shown = Shown(
                lambda: self._rendered(view, nameless, request, None).fragments,
                lambda html: self.renderer.with_token(html, token),
                lambda: is_still_welcome(request),
            )
            key = (view.name, address_of(request), visit.viewer.rights)
            return self.live.answer(request, key, shown)

        return stream

    def _form(self, action: Action) -> AsyncEndpoint:
        async def form(request: Request) -> Response:
            visit = visit_of(request)
            try:
                pairs = parse_qsl((await read_body(request)).decode(), keep_blank_values=True)
                notice = await run_in_threadpool(self._done, action, request, pairs)
            except Forbidden as error:
                return HTMLResponse(self._failed(error, 403, visit.viewer), 403)
            except EXPECTED as error:
                words = told(error)
                where = f"{words['where']}: " if words["where"] else ""
                notice = Notice(f"{where}{words['what']}", failed=True, hint=words["hint"])
            answer = RedirectResponse(_came_from(request) or action.back, 303)
            self.notices.leave(request, answer, notice)
            return answer

        return form

    def _done(self, action: Action, request: Request, pairs: Sequence[tuple[str, str]]) -> Notice:
        visit = visit_of(request)
        token = next((value for name, value in pairs if name == TOKEN_FIELD), "")
        if visit.session is None:
            raise Forbidden("the form has no session", hint="load the page again, and repeat")
        require_form_of_ours(request, self.sessions, visit.session, token)
        values = of_texts(action, [pair for pair in pairs if pair[0] != TOKEN_FIELD])
        given = {**values, **request.path_params}
        return Notice(self.sources.perform(action, visit.viewer, given).told)

    def _rendered(self, view: View, viewer: Viewer, request: Request, notice: Notice | None) -> Rendered:
        values = of_texts(view, request.query_params.multi_items())
        question, answer = self.sources.read(view, viewer, {**values, **request.path_params})
        return self.renderer.render(
            f"{view.name}.html",
            {
                "answer": answer,
                "question": question,
                "view": view,
                "viewer": viewer,
                "notice": notice,
                "address": address_of(request, below=LIVE),
                "logs_in": self.logs_in,
            },
        )

    def _failed(self, error: Exception, status: int, viewer: Viewer | None) -> str:
        context = {
            "failure": told(error),
            "status": status,
            "viewer": viewer,
            "notice": None,
            "logs_in": self.logs_in,
        }
        return self.renderer.render("failure.html", context).text


def _came_from(request: Request) -> str | None:
    """Return path and query of the page of ours from which a form was sent."""
    referer = urlsplit(request.headers.get("referer", ""))
    if referer.netloc.lower() != request.headers.get("host", "").lower() or not referer.path.startswith("/"):
        return None
    # `//name` would be another host.
    path = "/" + referer.path.lstrip("/")
    return f"{path}?{referer.query}" if referer.query else path
