"""A TCP connection to a name: each of its addresses gets a share of the time."""

from __future__ import annotations

import socket
import time


def connected_socket(host: str, port: int, until: float) -> socket.socket:
    """A TCP connection to the first address of `host` that takes it; each has a share of the time left.

    Args:
        until: on the monotonic clock, in seconds.

    Raises:
        socket.gaierror: the name has no address.
        OSError: no address took it.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = TimeoutError("no time left to connect")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        share = (until - time.monotonic()) / (len(addresses) - tried)
        if share <= 0:
            break
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.settimeout(share)
            candidate.connect(address)
            # A batch goes out in one piece, its headers before it: waiting to fill a packet gains nothing.
            candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            candidate.close()
            failure = error
        else:
            return candidate
    raise failure
