"""Keys as texts, for names of objects, identifiers and subjects."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

import orjson

_with_digits = json.JSONDecoder(parse_float=str, parse_int=str)


def joined(key: bytes) -> str:
    """The values of a key, with `:` between them: `A-1:de`; a `:` or `%` in one is written `%3A`, `%25`.

    Args:
        key: a JSON object, whose members are always the same ones.
    """
    return ":".join(value.replace("%", "%25").replace(":", "%3A") for value in _values(key))


def tokens(key: bytes) -> str:
    """The same as words of a subject or routing key, with `.` between them: all but letters, digits, `-` and
    `_` are percent-encoded, and a word of nothing is `%`."""
    return ".".join(
        quote(value, safe="").replace(".", "%2E").replace("~", "%7E") or "%" for value in _values(key)
    )


def shortened(text: str, longest: int) -> str:
    """Return the text, or its sha256 if it has more bytes than the target allows."""
    encoded = text.encode()
    return text if len(encoded) <= longest else hashlib.sha256(encoded).hexdigest()


def _values(key: bytes) -> list[str]:
    # orjson takes a twentieth of the time, but loses digits of numbers: 1.10 is not 1.1.
    members: dict[str, object] = orjson.loads(key)
    if any(not isinstance(value, str | int) for value in members.values()):
        members = _with_digits.decode(key.decode())
    return [
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for value in members.values()
    ]
