"""Serves HTTP in a thread of the daemon."""

from __future__ import annotations

import asyncio
import importlib
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from cdc_daemon.errors import CdcError, ConfigurationError
from cdc_daemon.log import get_logger

if TYPE_CHECKING:
    from starlette.applications import Starlette

BEAT_SECONDS = 1.0
"""Pause between signs of life of the server."""

log = get_logger()


class WebServer:
    """Serves an application until it is stopped.

    Args:
        listen: host and port. Port 0: one that is free.
        application: makes the application when the server starts.
        tls: files of the certificate and its key; None: no TLS.
        bound: is told the URL once the server listens.
    """

    def __init__(
        self,
        listen: tuple[str, int],
        application: Callable[[], Starlette],
        *,
        tls: tuple[Path, Path] | None = None,
        bound: Callable[[str], None] | None = None,
    ) -> None:
        self.name = "http"
        self._listen = listen
        self._application = application
        self._tls = tls
        self._tell_bound = bound

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Serve until stopped.

        Raises:
            CdcError: the address can't be bound. The supervisor tries again.
        """
        with closing(self._bound()) as bound:
            host, port = bound.getsockname()[:2]
            log.info("http_started", address=f"{host}:{port}")
            if self._tell_bound:
                shown = f"[{host}]" if ":" in host else host
                self._tell_bound(f"{'https' if self._tls else 'http'}://{shown}:{port}/")
            asyncio.run(self._serve(bound, stop, heartbeat))

    def _bound(self) -> socket.socket:
        try:
            family = socket.AF_INET6 if ":" in self._listen[0] else socket.AF_INET
            bound = socket.create_server(self._listen, family=family)
        except OSError as error:
            raise AddressUnavailable(
                f"can't listen on {self._listen[0]}:{self._listen[1]}: {error.strerror or error}",
                where="[http]",
                hint="set another address, or stop the program that uses it",
            ) from error
        # The head and the body of an answer are two writes. The kernel would keep the second one back until
        # the client acknowledges the first, which a client may put off for 40 ms. asyncio sets this only for
        # sockets that it makes itself. Accepted connections inherit it.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return bound

    async def _serve(
        self, bound: socket.socket, stop: threading.Event, heartbeat: Callable[[], None]
    ) -> None:
        import uvicorn  # noqa: PLC0415 # of an extra

        server = uvicorn.Server(
            uvicorn.Config(
                self._application(),
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                # Otherwise uvicorn believes X-Forwarded-For of any program of this machine, and the dashboard
                # would take its sender for the proxy.
                proxy_headers=False,
                ssl_certfile=self._tls[0] if self._tls else None,
                ssl_keyfile=self._tls[1] if self._tls else None,
                timeout_graceful_shutdown=1,
            )
        )

        async def watch() -> None:
            while not stop.is_set() and not server.should_exit:
                heartbeat()
                await asyncio.sleep(BEAT_SECONDS)
            server.should_exit = True

        watching = asyncio.create_task(watch())
        await server.serve(sockets=[bound])
        server.should_exit = True
        await watching


class AddressUnavailable(CdcError, OSError):
    """The server can't have its address now. As an OSError it is tried again for ever."""


def require_extra() -> None:
    """Check that the libraries of the extra `http` are installed.

    Raises:
        ConfigurationError: they are not.
    """
    try:
        for library in ("itsdangerous", "jinja2", "prometheus_client", "starlette", "uvicorn"):
            importlib.import_module(library)
    except ImportError as error:
        raise ConfigurationError(
            [
                (
                    "http.listen",
                    f"needs a package that is not installed: {error.name}",
                    "pip install 'cdc-daemon[http]'",
                )
            ]
        ) from error
