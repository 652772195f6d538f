"""Reads the body of a request, up to a limit."""

from __future__ import annotations

from starlette.requests import Request

from cdc_daemon.dashboard.definitions import BadQuestion

MOST_BYTES = 1 << 20


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        BadQuestion: it is too large.
    """
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > MOST_BYTES:
            raise BadQuestion(f"the request is larger than {MOST_BYTES:,} bytes", hint="select fewer")
    return bytes(found)
