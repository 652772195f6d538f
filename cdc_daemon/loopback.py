"""Hosts that are this machine: what is sent to them passes no network."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: 127.0.0.0/8, ::1, `localhost`, or a socket in the file system.

    Other names are not resolved: who answers for the name service would then decide where a password may go.

    Args:
        host: a name, an address, or a path (libpq also takes `@` and an abstract name); empty stands for a
            client's default, which is this machine.
    """
    if not host or host.startswith(("/", "@")):
        return True
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
