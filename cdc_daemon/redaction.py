"""Passwords out of text that people and logs will see."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"

SHORTEST_SECRET = 6  # a shorter one, replaced wherever it occurs, would tear ordinary words apart

_IN_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:@/]*:)[^\s@/]+(?=@)", re.IGNORECASE)
# As libpq writes it: password=word, password='two \'words\'', and ?password=… in a URL; sslpassword too.
_IN_CONNECTION_STRING = re.compile(
    r"(?P<before>\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s'&]+)", re.IGNORECASE
)


def hide_passwords(text: str) -> str:
    """The text with the password of every URL and connection string in it replaced by `***`."""
    return _IN_CONNECTION_STRING.sub(rf"\g<before>{HIDDEN}", _IN_URL.sub(rf"\g<before>{HIDDEN}", text))


def printable(text: str, *, secrets: Iterable[str], longest: int) -> str:
    """What another system said, fit to be stored and shown: one line, short, without secrets.

    Args:
        secrets: texts that are hidden wherever they occur, beside every password of a connection string.
        longest: most characters.
    """
    # Secrets first: a cut or a blank in the middle of one would leave the rest to be read.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    text = hide_passwords(text)
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
