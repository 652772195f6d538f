"""What libpq goes by when it connects, and whether a password may then pass a network in clear text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import pq

from cdc_daemon.loopback import is_loopback

_SECURED = frozenset({"require", "verify-ca", "verify-full"})
# Of these, none tells the server (or who stands between) the password, or what could be used in its place.
_METHODS_THAT_KEEP_IT = frozenset({"scram-sha-256", "gss", "sspi", "none"})

ALLOWING = (
    "set sslmode=verify-full in the connection string, or require_auth=scram-sha-256 in a network that you "
    "trust with the documents"
)
"""What to do about a password that may pass in clear text."""


def parameters(dsn: str) -> Mapping[str, str]:
    """The connection string, then the environment, then libpq's own defaults.

    Raises:
        psycopg.OperationalError: libpq does not take the connection string.
    """
    found: dict[str, str] = {}
    for options in (pq.Conninfo.get_defaults(), pq.Conninfo.parse(dsn.encode())):
        found |= {option.keyword.decode(): option.val.decode() for option in options if option.val}
    return found


def hosts(set_: Mapping[str, str]) -> Sequence[str]:
    """Every host that libpq would try in turn: an address, a name, or the folder of a socket."""
    return (set_.get("hostaddr") or set_.get("host") or "").split(",")


def clear_host(dsn: str) -> str | None:
    """The other machine that may be told the password in clear text; None if none may.

    `sslmode=prefer`, libpq's default, is no protection: who stands between answers that the server has no
    TLS, asks for the password itself, and gets it. With `require_auth=scram-sha-256` libpq proves that it
    knows the password, and never shows it.
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
