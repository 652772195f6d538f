"""Passwords out of text that people and logs will see."""

from __future__ import annotations

import re

HIDDEN = "***"

_IN_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:@/]*:)[^\s@/]+(?=@)", re.IGNORECASE)
# As libpq writes it: password=word, password='two \'words\'', and ?password=… in a URL; sslpassword too.
_IN_CONNECTION_STRING = re.compile(
    r"(?P<before>\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s'&]+)", re.IGNORECASE
)


def hide_passwords(text: str) -> str:
    """The text with the password of every URL and connection string in it replaced by `***`."""
    return _IN_CONNECTION_STRING.sub(rf"\g<before>{HIDDEN}", _IN_URL.sub(rf"\g<before>{HIDDEN}", text))
