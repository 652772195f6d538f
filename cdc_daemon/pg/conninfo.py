"""Reads a connection string as libpq does, and tells whether it may send a password in clear text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import pq

from cdc_daemon.loopback import is_loopback

_SECURED = frozenset({"require", "verify-ca", "verify-full"})
# None of these methods reveals the password, or an equivalent, to the server or to an attacker between.
_METHODS_THAT_KEEP_IT = frozenset({"scram-sha-256", "gss", "sspi", "none"})

ALLOWING = (
    "set sslmode=verify-full in the connection string, or require_auth=scram-sha-256 in a network that you "
    "trust with the documents"
)
"""Remedy for a password that libpq may send in clear text."""


def parameters(dsn: str) -> Mapping[str, str]:
    """Return the parameters of the connection string, completed from the environment and libpq's defaults.

    Raises:
        psycopg.OperationalError: libpq does not accept the connection string.
    """
    found: dict[str, str] = {}
    for options in (pq.Conninfo.get_defaults(), pq.Conninfo.parse(dsn.encode())):
        found |= {option.keyword.decode(): option.val.decode() for option in options if option.val}
    return found


def hosts(set_: Mapping[str, str]) -> Sequence[str]:
    """Return every host that libpq would try in turn: an address, a name, or the folder of a socket."""
    return (set_.get("hostaddr") or set_.get("host") or "").split(",")


def clear_host(dsn: str) -> str | None:
    """Return another machine to which libpq may send the password in clear text, or None.

    `sslmode=prefer`, libpq's default, does not protect it: an attacker on the network answers that the server
    has no TLS, asks for the password, and gets it. With `require_auth=scram-sha-256` libpq proves that it
    knows the password, but never sends it.
    """
    set_ = parameters(dsn)
    if not set_.get("password") or set_.get("sslmode", "prefer") in _SECURED:
        return None
    if "require" in {set_.get("gssencmode"), set_.get("channel_binding")}:
        return None
    methods = {method for method in set_.get("require_auth", "").split(",") if method}
    if methods and methods <= _METHODS_THAT_KEEP_IT:
        return None
    return next((host for host in hosts(set_) if not is_loopback(host)), None)
