"""Hiding in a text, in a tree of values, and in what another system said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, cast

from cdc_daemon.redaction.escapes import Decoded, decoded
from cdc_daemon.redaction.patterns import HIDDEN, hide_passwords
from cdc_daemon.redaction.registry import needles

_MOST_LAYERS = 3  # of escapes: JSON within JSON within a URL
_MOST_READ = 32_768  # characters of what another system said, of which a few hundred are shown


def hide(text: str) -> str:
    """The text with `***` in the place of every secret that is known, in whatever form it stands there."""
    return hide_passwords(_without_known(text))


def hide_within(value: object) -> Any:
    """The same in every text of a tree of values. What is no text, number, date or container becomes one."""
    if isinstance(value, str):
        return hide(value)
    if value is None or isinstance(value, bool | int | float | date):
        return value
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {hide(key) if isinstance(key, str) else key: hide_within(inner) for key, inner in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [hide_within(inner) for inner in cast("Iterable[object]", value)]
    if isinstance(value, BaseException):
        return hide(f"{type(value).__name__}: {value}")
    return hide(str(value))


def on_one_line(text: str) -> str:
    """The text without line ends and other signs that a terminal would obey."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def printable(text: str, *, longest: int) -> str:
    """What another system said, fit to be stored and shown: one line, short, without secrets.

    Args:
        longest: most characters.
    """
    # Secrets first: a cut or a blank in the middle of one would leave the rest to be read.
    text = on_one_line(hide(text[:_MOST_READ]))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _without_known(text: str) -> str:
    sought = needles()
    if not (sought.anywhere or sought.words):
        return text
    spans = list(sought.spans(text))
    layer: Decoded | None = None
    for _ in range(_MOST_LAYERS):
        if layer is None:
            if not ("%" in text or "\\" in text or "&" in text):
                break
            places = list(range(len(text)))
            layer = Decoded(text, places, [place + 1 for place in places])
        layer = decoded(layer)
        if layer is None:
            break
        for start, end in sought.spans(layer.text):
            spans.append((layer.starts[start], layer.ends[end - 1]))
    return _with_hidden(text, spans) if spans else text


def _with_hidden(text: str, spans: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start > at or not pieces:
            pieces += (text[at:start], HIDDEN)
        at = max(at, end)
    return "".join((*pieces, text[at:]))
