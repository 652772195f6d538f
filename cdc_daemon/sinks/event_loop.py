"""An asyncio event loop in a thread of its own, for client libraries that know no other way."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")

_END_SECONDS = 2.0


@dataclass
class EventLoop:
    """Runs coroutines for a thread that waits for them; between two of them it answers what the server asks.

    Attributes:
        name: of the thread.
    """

    name: str
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def run(self, coroutine: Coroutine[Any, Any, Result], seconds: float) -> Result:
        """What the coroutine returns or raises.

        Raises:
            TimeoutError: it took longer; it is cancelled.
        """
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=self.name, daemon=True)
            self._thread.start()

        async def limited() -> Result:
            return await asyncio.wait_for(coroutine, seconds)

        return asyncio.run_coroutine_threadsafe(limited(), self._loop).result()

    def close(self) -> None:
        """Cancel what is left and end the thread; the next `run` starts another."""
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return

        async def cancel() -> None:
            left = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=_END_SECONDS)

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(cancel(), loop).result(_END_SECONDS + 1)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
