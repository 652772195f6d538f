"""Names, documents and messages of others as text in which no sign acts on a terminal or ends a comment."""

from __future__ import annotations

import json
from collections.abc import Callable


def visible(text: str) -> str:
    r"""One line: an escape (`\n`, `\x1b`, `\u202e`) stands for each sign that does not print."""
    return _without_unprintable(text, "", _as_python)


def visible_lines(text: str) -> str:
    """The same for text of several lines: line breaks and tabs stay."""
    return _without_unprintable(text, "\n\t", _as_python)


def visible_json(text: str) -> str:
    """The same for JSON, which then says the same as before: its strings may hold an escape for any sign."""
    return _without_unprintable(text, "\r\n\t", _as_json)


def _without_unprintable(text: str, kept: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in kept else escape(sign) for sign in text)


def _as_python(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def _as_json(sign: str) -> str:
    return json.dumps(sign)[1:-1]
