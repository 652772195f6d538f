"""An asyncio event loop in a separate thread, for client libraries that need one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cdc_daemon.bounds import MOST_ANSWER_BYTES, AnswerTooLarge
from cdc_daemon.sinks.tcp import keep_alive

Result = TypeVar("Result")

_END_SECONDS = 2.0


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that counts the bytes that its connections read.

    The client libraries collect an unfinished message without a limit.

    Attributes:
        left: number of bytes that may still be read.
        too_much: called when the limit is exceeded.
    """

    left = MOST_ANSWER_BYTES
    too_much: Callable[[], object] = staticmethod(lambda: None)

    async def create_connection(  # type: ignore[override] # it has 16 parameters, none of which matters here
        self, protocol_factory: Callable[[], asyncio.Protocol], *arguments: Any, **more: Any
    ) -> Any:
        """See asyncio."""
        transport, protocol = await super().create_connection(
            lambda: self._counted(protocol_factory()), *arguments, **more
        )
        with contextlib.suppress(OSError):  # it may have ended by itself
            keep_alive(transport.get_extra_info("socket"))
        return transport, protocol

    def _counted(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        receive, made = protocol.data_received, protocol.connection_made
        transports: list[asyncio.BaseTransport] = []

        def connection_made(transport: asyncio.BaseTransport) -> None:
            transports.append(transport)
            made(transport)

        def data_received(data: bytes) -> None:
            self.left -= len(data)
            if self.left >= 0:
                receive(data)
                return
            for transport in transports:
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
            self.too_much()

        protocol.connection_made = connection_made  # type: ignore[method-assign] # what the transport calls
        protocol.data_received = data_received  # type: ignore[method-assign] # as above
        return protocol


@dataclass
class EventLoop:
    """Runs coroutines for a thread that waits for them. In between, the loop answers the server's pings.

    Attributes:
        name: name of the thread.
    """

    name: str
    _loop: _Loop | None = field(default=None, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def run(
        self, coroutine: Coroutine[Any, Any, Result], seconds: float, most_bytes: int = MOST_ANSWER_BYTES
    ) -> Result:
        """Run a coroutine. Return its result, or raise its exception.

        Args:
            most_bytes: number of bytes that the server may send meanwhile.

        Raises:
            TimeoutError: it took longer, and was cancelled.
            AnswerTooLarge: the server sent more. The connection is closed.
        """
        if self._loop is None:
            self._loop = _Loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=self.name, daemon=True)
            self._thread.start()
        loop, exceeded = self._loop, threading.Event()

        async def limited() -> Result:
            task = asyncio.ensure_future(coroutine)

            def stop() -> None:
                exceeded.set()
                task.cancel()

            loop.left, loop.too_much = most_bytes, stop
            return await asyncio.wait_for(task, seconds)

        running: Future[Result] = asyncio.run_coroutine_threadsafe(limited(), loop)
        try:
            # A library may react late to a cancellation.
            return running.result(seconds + _END_SECONDS)
        except BaseException as error:
            if exceeded.is_set():
                raise AnswerTooLarge from error
            if isinstance(error, CancelledError):
                raise ConnectionError("the connection ended") from error
            raise

    def close(self) -> None:
        """Cancel remaining tasks and end the thread. The next `run` starts another one."""
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
        thread.join(_END_SECONDS)
        if not thread.is_alive():
            loop.close()
