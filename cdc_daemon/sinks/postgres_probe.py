"""Probes the connection of a libpq connection string, and explains why a connection failed."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

import psycopg

from cdc_daemon.errors import DatabaseUnavailable, NotAuthorized, SinkUnavailable
from cdc_daemon.pg.conninfo import hosts, parameters
from cdc_daemon.sinks.probe import ConnectionProbe, Server
from cdc_daemon.sinks.tls import UnusableFile, readable
from cdc_daemon.sinks.unreachable import Names, NoTls

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # length, then 80877103: "Message Formats", SSLRequest
_ROOT_CERTIFICATES = Path("~/.postgresql/root.crt").expanduser()  # libpq's default
_SECURED = frozenset({"require", "verify-ca", "verify-full"})
_NAMES = Names(
    server="dsn",
    authority="sslrootcert in dsn",
    certificate="sslcert and sslkey in dsn",
    files="sslrootcert, sslcert or sslkey in dsn",
)
# A failed connection has no SQLSTATE (28xxx) in libpq, only these texts.
_NOT_LET_IN = re.compile(
    r"authentication failed|pg_hba\.conf|no password supplied"
    r"|role \".*\" (?:does not exist|is not permitted)|permission denied for database"
)


def postgres_probe(dsn: str, where: str, timeout_seconds: float) -> ConnectionProbe:
    """Return a probe of every host that libpq would try. A directory is a socket in the file system."""
    set_ = parameters(dsn)
    names = (set_.get("host") or set_.get("hostaddr") or "").split(",")
    tried = hosts(set_)
    ports = (set_.get("port") or "5432").split(",")
    if len(ports) == 1:
        ports *= len(tried)
    servers = [
        Server(host, int(port or 5432), name)
        for host, port, name in zip(tried, ports, names, strict=False)
        if host and not host.startswith(("/", "@"))
    ]
    return ConnectionProbe(
        servers if len(servers) == len(tried) else (),
        where,
        timeout_seconds,
        names=_NAMES,
        tls=(lambda: _context(set_)) if set_.get("sslmode") in _SECURED else None,
        before_tls=None if set_.get("sslnegotiation") == "direct" else _ask_for_tls,
    )


def shown(dsn: str) -> list[str]:
    """Return which of user and password the connection string or the environment has."""
    set_ = parameters(dsn)
    return [name for name in ("user", "password") if set_.get(name)]


def not_connected(error: DatabaseUnavailable, where: str) -> SinkUnavailable:
    """Return the error for people: why the connection failed, and what to do.

    A failure after the password was sent is a rejection, whatever the language of the message.
    """
    cause = error.__cause__
    failed = cause.pgconn if isinstance(cause, psycopg.OperationalError) else None
    asked = failed is not None and (failed.needs_password or failed.used_password)
    if "client certificate" in error.what:
        return NotAuthorized(error.what, where=where, hint=f"set {_NAMES.certificate}")
    if asked or _NOT_LET_IN.search(error.what):
        hint = "correct user, password and database in dsn; does pg_hba.conf let them in?"
        return NotAuthorized(error.what, where=where, hint=hint)
    hint = "is the server up, and dsn right?"
    if "certificate verify failed" in error.what:
        hint = f"set {_NAMES.authority} to the authority that signed the server's certificate"
    return SinkUnavailable(f"can't be reached: {error.what}", where=where, hint=hint)


def _context(set_: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context that verifies as much as `sslmode` demands.

    Raises:
        OSError: a file can't be read. `verify-ca` and above need libpq's file if none is set.
    """
    mode = set_["sslmode"]
    authorities = set_.get("sslrootcert", str(_ROOT_CERTIFICATES))
    trusts_anyone = mode == "require" and "sslrootcert" not in set_ and not _ROOT_CERTIFICATES.exists()
    of_a_file = not trusts_anyone and authorities != "system"
    try:
        context = ssl.create_default_context(cafile=readable(Path(authorities)) if of_a_file else None)
        context.check_hostname = mode == "verify-full"
        if trusts_anyone:
            context.verify_mode = ssl.CERT_NONE
        if "sslcert" in set_:
            key = readable(Path(set_["sslkey"])) if "sslkey" in set_ else None
            context.load_cert_chain(readable(Path(set_["sslcert"])), key, set_.get("sslpassword", ""))
    except ssl.SSLError as error:
        raise UnusableFile(f"{_NAMES.files} can't be used: {error.reason or error}") from error
    if set_.get("sslnegotiation") == "direct":
        context.set_alpn_protocols(["postgresql"])
    return context


def _ask_for_tls(connection: socket.socket) -> None:
    """Ask the server for TLS.

    Raises:
        NoTls: the server offers none.
    """
    connection.sendall(_SSL_REQUEST)
    if connection.recv(1) != b"S":
        raise NoTls
