"""Ways to know who asks: a loopback address where nobody is asked, and a trusted proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from cdc_daemon.dashboard.access.sessions import Session
from cdc_daemon.dashboard.access.viewer import LOCAL, Right, Viewer
from cdc_daemon.errors import CdcError
from cdc_daemon.loopback import is_loopback
from cdc_daemon.settings.http import EVERYBODY

LONGEST_NAME = 200
"""Largest length of a name that a proxy gives."""


class TurnedAway(CdcError):
    """The request is not let in.

    Attributes:
        status: of the answer.
        may_log_in: whether a log-in would help.
    """

    def __init__(
        self, what: str, *, status: int = 403, hint: str | None = None, may_log_in: bool = False
    ) -> None:
        super().__init__(what, hint=hint)
        self.status = status
        self.may_log_in = may_log_in


class Door(Protocol):
    """A way to know who asks."""

    def viewer(self, request: Request, session: Session | None) -> Viewer:
        """Return who asks.

        Raises:
            TurnedAway: the request is not let in.
        """
        ...


@dataclass(frozen=True)
class LocalDoor:
    """Everybody who reaches a loopback address.

    A page of another site can't read the answers, unless its name begins to resolve to 127.0.0.1 while it is
    open (DNS rebinding). Then its requests still carry its own name as Host. So Host must be this machine.

    Args:
        actions: whether they may act.
    """

    actions: bool

    def viewer(self, request: Request, session: Session | None) -> Viewer:
        """Return the local viewer."""
        _ = session
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if not name or name.startswith(("/", "@")) or not is_loopback(name):
            raise TurnedAway(
                "the dashboard answers requests to this machine only",
                status=421,
                hint="open it by a loopback address, such as http://127.0.0.1; for another name, set [http] "
                "users or proxy_address",
            )
        rights = {Right.DOCUMENTS, Right.ACTIONS} if self.actions else {Right.DOCUMENTS}
        return Viewer(LOCAL, frozenset(rights))


@dataclass(frozen=True)
class ProxyDoor:
    """Those whom a trusted proxy names in a header."""

    address: str
    header: str
    documents: Sequence[str]
    actions: Sequence[str]

    def viewer(self, request: Request, session: Session | None) -> Viewer:
        """Return the user whom the proxy names."""
        _ = session
        if request.client is None or not _same(request.client.host, self.address):
            raise TurnedAway(
                "the dashboard answers its proxy only",
                hint="open it through the proxy; [http] proxy_address names it",
            )
        # A second header could be one that the proxy did not remove. Never guess which is which.
        names = request.headers.getlist(self.header)
        name = names[0].strip() if len(names) == 1 else ""
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise TurnedAway(
                f"the proxy did not name one user in {self.header}",
                status=401,
                hint="configure the proxy so that it sets this header once; [http] proxy_header names it",
            )
        granted = {Right.DOCUMENTS: self.documents, Right.ACTIONS: self.actions}
        return Viewer(
            name, frozenset(right for right, users in granted.items() if {EVERYBODY, name} & set(users))
        )


def _same(one: str, other: str) -> bool:
    """Whether two addresses are one, also if an IPv6 socket writes an IPv4 address its own way."""
    try:
        first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    except ValueError:
        return False
    return _unmapped(first) == _unmapped(second)


def _unmapped(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address
