"""The routes of the server: health, metrics and status, and the dashboard for everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from cdc_daemon.insight.coverage import Coverage
from cdc_daemon.insight.status import Status
from cdc_daemon.insight.status_json import status_json
from cdc_daemon.redaction import hide
from cdc_daemon.web.health import Health
from cdc_daemon.web.metrics import exposition
from cdc_daemon.workers.samples import Sums

NEVER_CACHED = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Answers:
    """What the server tells. Each is called for each request, in any thread.

    Attributes:
        health: how the process is, without a question to the database.
        sums: sums of the work of this process since its start.
        status: how everything stands; None if the database can't be reached.
        coverage: what was verified in the background.
    """

    health: Callable[[], Health]
    sums: Callable[[], Sums]
    status: Callable[[], Status | None]
    coverage: Callable[[], Sequence[Coverage]]


def application(answers: Answers, dashboard: Starlette | None = None) -> Starlette:
    """Return the application.

    Args:
        dashboard: gets every other address.
    """

    def healthz(_request: Request) -> Response:
        """Whether the process works: a restart helps if it does not."""
        silent = answers.health().silent
        return _judged(not silent, {"silent": list(silent)})

    def readyz(_request: Request) -> Response:
        """Whether the daemon follows its feeds: it has the database and has planned each of them."""
        now = answers.health()
        return _judged(
            not (now.silent or now.database_lost or now.unplanned),
            {
                "silent": list(now.silent),
                "database": "lost" if now.database_lost else "reachable",
                "unplanned": list(now.unplanned),
            },
        )

    def metrics(_request: Request) -> Response:
        text = exposition(answers.sums(), answers.status(), answers.coverage())
        return Response(text, headers=NEVER_CACHED, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def status(_request: Request) -> Response:
        found = answers.status()
        if found is None:
            return JSONResponse({"error": "the database can't be reached"}, 503, headers=NEVER_CACHED)
        # A receiver's words and a reason may quote a secret.
        text = hide(orjson.dumps(status_json(found), option=orjson.OPT_UTC_Z, default=str).decode())
        return Response(text, headers=NEVER_CACHED, media_type="application/json")

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/status.json", status),
            *([Mount("/", dashboard)] if dashboard else []),
        ]
    )


def _judged(is_well: bool, details: dict[str, object]) -> Response:
    return JSONResponse({"ok": is_well, **details}, status_code=200 if is_well else 503, headers=NEVER_CACHED)
