"""Hashes of passwords by scrypt."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from functools import lru_cache

COST, BLOCK, PARALLEL = 1 << 15, 8, 3
"""Parameters of scrypt: 32 MB and about a quarter of a second for a password."""

_MOST_MEMORY = 64 << 20

_one_at_a_time = threading.Lock()
"""Many log-ins at once would take 32 MB each."""


def hashed(password: str) -> str:
    """Return the hash of a password, with its parameters and a random salt: `scrypt$N$r$p$salt$hash`."""
    salt = secrets.token_bytes(16)
    found = _scrypt(password, salt, COST, BLOCK, PARALLEL)
    return f"scrypt${COST}${BLOCK}${PARALLEL}${_text(salt)}${_text(found)}"


def is_password(password: str, stored: str) -> bool:
    """Whether this is the password of a hash.

    Raises:
        ValueError: the hash has another form.
    """
    kind, cost, block, parallel, salt, wanted = stored.split("$")
    if kind != "scrypt":
        raise ValueError(f"{kind} is no known kind of hash")
    found = _scrypt(password, base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, base64.b64decode(wanted))


@lru_cache(maxsize=1)
def nobodys() -> str:
    """Return a hash that no password has, to take as long for an unknown user as for a known one."""
    return hashed(secrets.token_urlsafe(32))


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    with _one_at_a_time:
        return hashlib.scrypt(
            password.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=_MOST_MEMORY, dklen=32
        )


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
