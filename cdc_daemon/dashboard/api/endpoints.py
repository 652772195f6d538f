"""Answers programs: GET a view, POST an action, always JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, cast

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdc_daemon.dashboard.access.address import path_of
from cdc_daemon.dashboard.access.doors import TurnedAway
from cdc_daemon.dashboard.access.gate import visit_of
from cdc_daemon.dashboard.access.origin import require_program_or_page_of_ours
from cdc_daemon.dashboard.access.sessions import Sessions
from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.api.openapi import document
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.dashboard.body import read_body
from cdc_daemon.dashboard.definitions import Action, BadQuestion, NotThere, View
from cdc_daemon.dashboard.failures import EXPECTED, status_of, told
from cdc_daemon.dashboard.questions import of_texts
from cdc_daemon.redaction import hide_within

Endpoint = Callable[[Request], Response]
AsyncEndpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Api:
    """Serves the JSON twins of a route table."""

    sources: Sources
    sessions: Sessions

    def routes(self, views: Sequence[View], actions: Sequence[Action]) -> list[Route]:
        """Return a route for each view and each action, and one for the OpenAPI document."""
        # Its schemas take half a second, and few ask for it.
        described = cache(lambda: document(views, actions))

        def openapi(_request: Request) -> Response:
            return _json(described())

        return [
            Route(f"{PREFIX}/openapi.json", openapi, methods=["GET"]),
            *(Route(PREFIX + view.path, self._view(view), methods=["GET"]) for view in views),
            *(Route(PREFIX + action.path, self._action(action), methods=["POST"]) for action in actions),
        ]

    def refusal(self, _request: Request, turned: TurnedAway) -> Response:
        """Return the answer to a request that is not let in."""
        answer = _failure(turned, turned.status)
        if turned.status == 401:
            answer.headers["WWW-Authenticate"] = 'Basic realm="cdc-daemon", charset="UTF-8"'
        return answer

    def not_found(self, request: Request, _error: Exception) -> Response:
        """Return the answer for an address that does not exist."""
        return _failure(NotThere("there is nothing", where=path_of(request)), 404)

    def _view(self, view: View) -> Endpoint:
        def answer(request: Request) -> Response:
            try:
                values = of_texts(view, request.query_params.multi_items())
                given = {**values, **request.path_params}
                _, answer = self.sources.read(view, visit_of(request).viewer, given)
                return _json(asdict(answer))
            except EXPECTED as error:
                return _failure(error)

        return answer

    def _action(self, action: Action) -> AsyncEndpoint:
        async def answer(request: Request) -> Response:
            try:
                body = await read_body(request)
                return await run_in_threadpool(self._done, action, request, body)
            except EXPECTED as error:
                return _failure(error)

        return answer

    def _done(self, action: Action, request: Request, body: bytes) -> Response:
        visit = visit_of(request)
        require_program_or_page_of_ours(request, self.sessions, visit.session)
        given = {**_object(body), **request.path_params}
        return _json(asdict(self.sources.perform(action, visit.viewer, given)))


def _object(body: bytes) -> Mapping[str, object]:
    """Return the members of the JSON object that a body holds; none if it is empty."""
    if not body.strip():
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadQuestion(f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadQuestion("the body is no JSON object")
    return cast("dict[str, object]", found)


def _json(value: Mapping[str, Any], status: int = 200) -> Response:
    # A receiver's words and a reason may quote a secret.
    text = orjson.dumps(hide_within(value), default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
    return Response(text, status, media_type="application/json")


def _failure(error: Exception, status: int | None = None) -> Response:
    return _json({"error": told(error)}, status or status_of(error))
