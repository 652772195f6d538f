"""Whether a request that changes something was meant: it comes from a page of ours, or from a program."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from cdc_daemon.dashboard.access.sessions import Session, Sessions
from cdc_daemon.dashboard.definitions import Forbidden

TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 # the name of a header
TOKEN_FIELD = "csrf"  # noqa: S105 # the name of a field


def require_form_of_ours(request: Request, sessions: Sessions, session: Session, token: str) -> None:
    """Check that a page of ours sent a form.

    Raises:
        Forbidden: another site did, or the page is older than the session.
    """
    _require_same_origin(request)
    if not sessions.has_token(session, token):
        raise Forbidden("the page is too old for this form", hint="load the page again, and repeat")


def require_program_or_page_of_ours(request: Request, sessions: Sessions, session: Session | None) -> None:
    """Check that a request to the API comes from a program, or from a page of ours with its token.

    A browser can't send JSON to another site unless that site agrees, and this one agrees to none. It also
    adds headers that a script can't remove. So a request without them and without a cookie comes from a
    program.

    Raises:
        Forbidden: another site sent it.
    """
    _require_same_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Forbidden("the content is no JSON", hint="send Content-Type: application/json")
    headers = request.headers
    of_browser = "origin" in headers or "sec-fetch-site" in headers or "cookie" in headers
    if not of_browser:
        return
    if session is None or not sessions.has_token(session, headers.get(TOKEN_HEADER, "")):
        raise Forbidden(
            "the token of the page is missing or too old",
            hint=f"a page of the dashboard has it: {TOKEN_HEADER}",
        )


def _require_same_origin(request: Request) -> None:
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    host = request.headers.get("host", "")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
    if foreign or site not in {None, "same-origin", "none"}:
        raise Forbidden("another site sent this", hint="open the dashboard itself, and act there")
