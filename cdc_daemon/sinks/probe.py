"""Probes a target in steps: name, connection, TLS, authorization, an empty batch."""

from __future__ import annotations

import functools
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from cdc_daemon.errors import CdcError, NotAuthorized, RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.sink import ProbeStep
from cdc_daemon.sinks.tcp import connected_socket
from cdc_daemon.sinks.unreachable import Names, unreachable, wants_certificate

_SILENT: Mapping[str, str] = {
    "DNS": "Is the name service up?",
    "TCP": "Is the target up, or a firewall between?",
    "TLS": "Does the port speak TLS?",
}
_LAST_WORD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Server:
    """Host and port of one of a target's servers.

    Attributes:
        name: the name that its certificate must have; None for `host`.
    """

    host: str
    port: int
    name: str | None = None

    @classmethod
    def of_url(cls, url: str, port: int) -> Server:
        """Return the server of a URL, with `port` if the URL has none."""
        parts = urlsplit(url.strip())
        return cls(parts.hostname or "localhost", parts.port or port)

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


@dataclass(frozen=True)
class ConnectionProbe:
    """Tries the network connection to a target, as a client library would.

    Attributes:
        servers: servers of the settings. One reachable server is enough. Empty (a socket in the file system,
            a proxy): the probe has no steps of its own.
        where: sink and feed, for errors.
        names: names of settings, for hints.
        tls: returns the TLS context; None if the settings have no TLS.
        before_tls: exchanges the plain-text messages that a protocol has before the handshake. Raises OSError
            if the server offers no TLS.
    """

    servers: Sequence[Server]
    where: str
    timeout_seconds: float
    names: Names = field(default_factory=Names)
    tls: Callable[[], ssl.SSLContext] | None = None
    before_tls: Callable[[socket.socket], None] | None = None

    def steps(self) -> Generator[ProbeStep, None, bool]:
        """Yield the steps `DNS`, `TCP` and, if used, `TLS`. Return whether all passed.

        A step tries every server. The next step continues with the servers that passed.
        """
        attempts = [("DNS", self._resolve), ("TCP", self._connect)]
        if self.tls is not None:
            attempts.append(("TLS", functools.partial(self._secure, self.tls)))
        left = self.servers
        for name, attempt in attempts if left else ():
            said: list[str] = []
            passed: list[Server] = []
            failures: list[SinkUnavailable] = []
            for server in left:
                try:
                    said.append(attempt(server))
                    passed.append(server)
                except OSError as error:
                    failures.append(self._failure(name, error, server))
                    said.append(str(failures[-1]).removeprefix(f"{self.where}, "))
            if not passed:
                yield ProbeStep(name, failure=failures[0])
                return False
            yield ProbeStep(name, "; ".join(said))
            left = passed
        return True

    def _resolve(self, server: Server) -> str:
        try:
            found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # an empty label, or one that is too long
            raise socket.gaierror(socket.EAI_NONAME, "it is no name of a host") from error
        return f"{server.host}: {', '.join(sorted({str(each[4][0]) for each in found}))}"

    def _connect(self, server: Server) -> str:
        with connected_socket(server.host, server.port, self._deadline()) as connected:
            return f"connected to {connected.getpeername()[0]} port {server.port}"

    def _secure(self, tls: Callable[[], ssl.SSLContext], server: Server) -> str:
        with self._secured(tls, server) as secured:
            certificate = secured.getpeercert()  # empty if it is not verified
            end = f", certificate valid until {certificate['notAfter']}" if certificate else ""
            return f"{secured.version()}{end}"

    def client_certificate_rejected(self) -> SinkUnavailable | None:
        """Return the error if a server rejects or misses our client certificate; None if none does.

        With TLS 1.3 our handshake ends before the server has checked our certificate. A client that writes
        then may get a closed connection instead of the alert with the reason. So this writes nothing, and
        waits for the server's alert.
        """
        if self.tls is None:
            return None
        for server in self.servers:
            try:
                with self._secured(self.tls, server) as secured:
                    secured.settimeout(min(_LAST_WORD_SECONDS, self.timeout_seconds))
                    secured.recv(1)
            except ssl.SSLError as error:
                if wants_certificate(error):
                    return self._failure("TLS", error, server)
            except OSError:
                continue
        return None

    @contextmanager
    def _secured(self, tls: Callable[[], ssl.SSLContext], server: Server) -> Generator[ssl.SSLSocket]:
        """Open a connection and perform the TLS handshake."""
        context = tls()
        with connected_socket(server.host, server.port, self._deadline()) as raw:
            raw.settimeout(self.timeout_seconds)
            if self.before_tls is not None:
                self.before_tls(raw)
            with context.wrap_socket(raw, server_hostname=server.name or server.host) as secured:
                yield secured

    def _deadline(self) -> float:
        return time.monotonic() + self.timeout_seconds

    def _failure(self, step: str, error: OSError, server: Server) -> SinkUnavailable:
        where = f"{self.where}, {server}"
        if isinstance(error, TimeoutError):
            return SinkUnavailable(
                f"no answer within {self.timeout_seconds:g} s",
                where=where,
                hint=f"{_SILENT[step]} Is {self.names.server} right?",
            )
        return unreachable(error, where=where, timeout_seconds=self.timeout_seconds, names=self.names)


def probed(probe: ConnectionProbe, shown: Sequence[str], accept: Callable[[], object]) -> Iterator[ProbeStep]:
    """Yield the steps of the connection, then `authorization` and `accept`.

    The last step is the one that failed, or `accept`.

    Args:
        shown: names of the credentials that the sink sends, never their values.
        accept: delivers an empty batch.
    """
    if (yield from probe.steps()):
        yield from authorized_and_accepted(probe, shown, accept)


def authorized_and_accepted(
    probe: ConnectionProbe, shown: Sequence[str], accept: Callable[[], object]
) -> Iterator[ProbeStep]:
    """Yield the steps `authorization` and `accept`. One exchange shows both."""
    scheme = f"sent: {', '.join(shown)}" if shown else "nothing is set"
    said, failure = "took an empty batch", None
    try:
        accept()
    except NotAuthorized as error:
        yield ProbeStep("authorization", scheme, error)
        return
    except RecordsRefused as error:
        said = f"refused an empty batch, as it may: {error.what}"
    except CdcError as error:
        if rejected := probe.client_certificate_rejected():
            yield ProbeStep("authorization", scheme, rejected)
            return
        said, failure = "", error
    yield ProbeStep("authorization", scheme)
    yield ProbeStep("accept", said, failure)


def user_and_password(url: SplitResult) -> list[str]:
    """Return which of user and password a URL has."""
    return [name for name, value in (("user", url.username), ("password", url.password)) if value]
