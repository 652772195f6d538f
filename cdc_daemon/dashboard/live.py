"""Keeps open pages up to date: sends the fragments that changed, as server-sent events.

A page marks its fragments with `live` (see `cdc_daemon.dashboard.rendering`). However many people have the
same page open, it is rendered once for each set of rights.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass, field

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from cdc_daemon.dashboard.failures import EXPECTED

SHORTEST_SECONDS, LONGEST_SECONDS = 2.0, 10.0
"""Pause between two renderings of an open page."""

SHARE_OF_TIME = 0.01
"""Largest part of the time in which the database may work for one open page, up to `LONGEST_SECONDS`."""

MOST_STREAMS = 200
"""Largest number of open pages that are kept up to date. A further one is told to come back later."""

Fragments = Mapping[str, str]


@dataclass(frozen=True)
class Shown:
    """What one stream shows.

    Attributes:
        render: renders the page's fragments, by their IDs.
        finish: makes the HTML of this viewer from the HTML that all share.
        is_welcome: whether the viewer still has the same rights.
    """

    render: Callable[[], Fragments]
    finish: Callable[[str], str]
    is_welcome: Callable[[], bool]


@dataclass
class _Topic:
    """A page that is open.

    Attributes:
        viewers: number of streams that show it.
    """

    viewers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    fragments: Fragments | None = None
    due_at: float = 0.0


class Live:
    """Renders each open page again from time to time, once for all who see the same.

    Args:
        shortest_seconds: shortest pause between two renderings.
    """

    def __init__(self, shortest_seconds: float = SHORTEST_SECONDS) -> None:
        self._shortest = shortest_seconds
        self._lock = threading.Lock()
        self._topics: dict[Hashable, _Topic] = {}
        self._streams = 0

    def answer(self, request: Request, key: Hashable, shown: Shown) -> Response:
        """Return a stream of the fragments that change.

        Args:
            key: says who sees the same: address and rights.
        """
        if self._streams >= MOST_STREAMS:
            return PlainTextResponse("too many open pages", 503, headers={"Retry-After": "30"})
        return StreamingResponse(
            self._events(request, key, shown),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self, request: Request, key: Hashable, shown: Shown) -> AsyncIterator[bytes]:
        topic = self._join(key)
        known: dict[str, str] = {}
        try:
            yield b"retry: 3000\n\n"
            while not await request.is_disconnected() and await run_in_threadpool(shown.is_welcome):
                try:
                    fragments = await run_in_threadpool(self._current, topic, shown.render)
                except EXPECTED:  # the browser says that it is not live, and asks again in a moment
                    return
                changed = [(name, html) for name, html in fragments.items() if known.get(name) != html]
                known = dict(fragments)
                for name, html in changed:
                    yield b"data: " + orjson.dumps({"id": name, "html": shown.finish(html)}) + b"\n\n"
                if not changed:
                    yield b":\n\n"  # finds out whether the browser is still there
                await asyncio.sleep(max(0.1, topic.due_at - time.monotonic()))
        finally:
            self._leave(key)

    def _join(self, key: Hashable) -> _Topic:
        with self._lock:
            self._streams += 1
            topic = self._topics.setdefault(key, _Topic())
            topic.viewers += 1
            return topic

    def _leave(self, key: Hashable) -> None:
        with self._lock:
            self._streams -= 1
            topic = self._topics[key]
            topic.viewers -= 1
            if not topic.viewers:
                del self._topics[key]

    def _current(self, topic: _Topic, render: Callable[[], Fragments]) -> Fragments:
        """Return the fragments, rendered anew if it is time."""
        with topic.lock:
            began = time.monotonic()
            if topic.fragments is None or began >= topic.due_at:
                topic.fragments = render()
                ended = time.monotonic()
                pause = min(max(self._shortest, (ended - began) / SHARE_OF_TIME), LONGEST_SECONDS)
                topic.due_at = ended + pause
            return topic.fragments
