"""Asks a receiver which documents it holds, page by page (docs/http.md, "Reading back")."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.http.client import Answer
from cdc_daemon.sinks.read_back import Held, HeldEnd, canonical

_MOST_PAGES = 10_000_000


def read_pages(
    target: str, ask: Callable[[str], Answer], *, where: str
) -> Iterator[Sequence[Held | HeldEnd]]:
    """Yield the documents of every page.

    Args:
        target: path and query of the first page.
        ask: sends a GET to a path and query, and returns an answer of 2xx.

    Raises:
        SinkUnavailable: an answer has another form, or the pages don't end.
    """
    after: str | None = None
    for _ in range(_MOST_PAGES):
        sign = "&" if "?" in target else "?"
        answer = ask(target if after is None else f"{target}{sign}after={quote(after, safe='')}")
        try:
            said: Mapping[str, Any] = orjson.loads(answer.body)
            page = [_held(document) for document in said["documents"]]
            following = said.get("next")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SinkUnavailable(
                "answered with something else than a page of documents",
                where=where,
                hint='it must be {"documents": [{"key": {…}, "revision": 1, "hash": "…"}], "next": null}',
            ) from error
        yield page
        if following is None:
            return
        if following == after:
            break
        after = str(following)
    raise SinkUnavailable("names the same page again", where=where, hint="`next` must lead to the end")


def _held(document: Mapping[str, Any]) -> Held:
    key = orjson.dumps(document["key"]).decode()
    revision, digest = document["revision"], document["hash"]
    if not isinstance(revision, int) or not isinstance(digest, str):
        raise TypeError("revision and hash")
    return Held(canonical(key), revision, None, hash=digest, key=key)
