"""Signatures of Standard Webhooks, by which a receiver verifies sender and time of a request.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"


def keys(secrets: str) -> Sequence[bytes]:
    """Return the keys of secrets that are separated by white space: `whsec_` and base64 of 24 to 64 bytes.

    Raises:
        ValueError: a secret has another form. The message has its position and does not repeat it.
    """
    found: list[bytes] = []
    for number, secret in enumerate(secrets.split(), start=1):
        if not secret.startswith(PREFIX):
            raise ValueError(f"must begin with {PREFIX} (secret {number})")
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"must go on in base64 after {PREFIX} (secret {number})") from None
        if not 24 <= len(key) <= 64:
            raise ValueError(f"must have 24 to 64 bytes in base64 (secret {number} has {len(key)})")
        found.append(key)
    if not found:
        raise ValueError("must not be empty")
    return tuple(found)


def headers(signing: Sequence[bytes], message: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """Return the three headers of a signed request.

    Args:
        signing: keys. The request has a signature of each, because during a change of secrets the receiver
            has the old or the new one.
        message: identifier, the same for every retry.
        timestamp: time of this attempt, in seconds since 1970. Receivers reject old requests.
        body: the body before compression.
    """
    signed = b"%s.%d.%s" % (message.encode(), timestamp, body)
    signatures = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in signing
    ]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
