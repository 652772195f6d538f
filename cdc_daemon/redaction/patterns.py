"""Secrets that are known by what stands before them: `password=`, `Authorization:`, the user of a URL."""

from __future__ import annotations

import re

HIDDEN = "***"

_NAMES = (
    r"(?:ssl_?)?passw(?:or)?d|pwd|client_?secret|secret(?:_?access_?key)?|(?:access|refresh|id|session|security)"
    r"_?token|token|api_?key|x-(?:api|amz|auth)-[a-z-]*(?:key|token|signature|credential)|signature|sig"
)
_IN_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:@/\"'<>]*:)[^\s/\"'<>]+(?=@)", re.IGNORECASE)
_BEFORE_A_HOST = re.compile(r"(?P<before>(?<![\w/@.:+-])[\w.+-]+:)[^\s:@/\"'<>\\]+(?=@[\w\[])")
# All of it: which of its parameters is a signature or a key only the server knows.
_QUERY = re.compile(r"(?P<before>\bhttps?://[^\s?#\"'<>]+\?)[^\s\"'<>#\\]+", re.IGNORECASE)
# As libpq writes it: password=word, password='two \'words\'', and ?password=… in a URL.
_ASSIGNED = re.compile(
    rf"(?P<before>\b(?:{_NAMES})\s*=\s*)(?:'(?:[^'\"\\]|\\.)*'|[^\s'\"&;,\\]+)", re.IGNORECASE
)
_IN_JSON = re.compile(
    rf"(?P<before>(?P<quote>\\*[\"'])(?:{_NAMES}|(?:proxy-)?authorization|(?:set-)?cookie)(?P=quote)\s*:\s*"
    r"(?P=quote)).*?(?=(?P=quote))",
    re.IGNORECASE | re.DOTALL,
)
_HEADER = re.compile(
    r"(?P<before>\b(?:proxy-)?authorization\s*[:=]\s*)"
    r"(?:(?:bearer|basic|digest|apikey|token|negotiate|hmac|aws4-hmac-sha256)\s+)?[^\s\"'\\,]{6,}",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"(?P<before>\b(?:set-)?cookie\s*:\s*)[^\r\n\"'\\]+", re.IGNORECASE)
# Each costs a search over the text; a text that has none of these signs has nothing for any of them.
_MAY_HOLD_ONE = re.compile(r"[@=?:]")


def hide_passwords(text: str) -> str:
    """The text with `***` in the place of what can only be a password, a token or a signature."""
    if not _MAY_HOLD_ONE.search(text):
        return text
    for pattern in (_IN_URL, _BEFORE_A_HOST, _QUERY, _IN_JSON, _ASSIGNED, _HEADER, _COOKIE):
        text = pattern.sub(rf"\g<before>{HIDDEN}", text)
    return text
