"""The address that a request asks for.

`request.url` of Starlette is made of the decoded path and of the Host header, which the sender chooses. Its
path has lost the difference between `%2F` and `%252F`. In some versions it ends at a `?` of a key.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import quote

from starlette.requests import Request


def path_of(request: Request) -> str:
    """Return the decoded path, as routes see it."""
    return cast("str", request.scope["path"])


def address_of(request: Request, *, below: str = "") -> str:
    """Return path and query as they stand in a link to this server.

    Args:
        below: a beginning of the path to leave out.
    """
    # `//name` would be another host.
    path = "/" + quote(path_of(request).removeprefix(below).lstrip("/"), safe="/")
    query = cast("bytes", request.scope["query_string"]).decode("latin-1")
    return f"{path}?{query}" if query else path
