"""The pages of the server that need no rights: health and readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cdc_daemon.web.health import Health

NEVER_CACHED = {"Cache-Control": "no-store"}


def application(health: Callable[[], Health], more: Sequence[Route] = ()) -> Starlette:
    """Return the application.

    Args:
        health: tells how the process is; called for each request.
        more: further routes.
    """

    def healthz(_request: Request) -> Response:
        """Whether the process works: a restart helps if it does not."""
        silent = health().silent
        return _answer(not silent, {"silent": list(silent)})

    def readyz(_request: Request) -> Response:
        """Whether the daemon follows its feeds: it has the database and has planned each of them."""
        now = health()
        return _answer(
            not (now.silent or now.database_lost or now.unplanned),
            {
                "silent": list(now.silent),
                "database": "lost" if now.database_lost else "reachable",
                "unplanned": list(now.unplanned),
            },
        )

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), *more])


def _answer(is_well: bool, details: dict[str, object]) -> Response:
    return JSONResponse({"ok": is_well, **details}, status_code=200 if is_well else 503, headers=NEVER_CACHED)
