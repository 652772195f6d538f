"""How numbers, times and sizes are written on pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import orjson
from markupsafe import Markup, escape

from cdc_daemon.dashboard.json_tree import tree
from cdc_daemon.redaction import hide
from cdc_daemon.visible import visible_lines

NONE = "–"
"""Stands where nothing is known."""

_SECONDS_OF = {"d": 86_400, "h": 3_600, "min": 60}


def number(value: float | None, *, at_least: bool = False) -> str:
    """Return a number with its thousands set apart: `12,345`, `10,000+` if it is a lower limit."""
    if value is None:
        return NONE
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}".removesuffix(".0")
    return f"{text}+" if at_least else text


def rate(value: float | None) -> str:
    """Return a number a second: `0`, `0.03/s`, `12/s`."""
    if value is None:
        return NONE
    if not value:
        return "0"
    return f"{value:,.0f}/s" if value >= 10 else f"{value:.1f}/s" if value >= 1 else f"{value:.2g}/s"


def seconds(value: float | None) -> str:
    """Return a duration in the unit that fits: `3 ms`, `1.5 s`, `12 min`, `3 h`, `2 d`."""
    if value is None:
        return NONE
    if value < 1:
        return f"{value * 1000:.0f} ms" if value else "0 s"
    if value < 60:
        return f"{value:.1f} s".replace(".0 s", " s")
    name, unit = next((name, unit) for name, unit in _SECONDS_OF.items() if value >= unit)
    return f"{value / unit:.1f} {name}".replace(".0 ", " ")


def size(value: float | None) -> str:
    """Return bytes in the unit that fits: `12 B`, `3.4 kB`, `5.6 MB`."""
    if value is None:
        return NONE
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.1f} {unit}".replace(".0 ", " ")
        value /= 1000
    return f"{value:,.1f} TB"


def moment(value: datetime | None) -> str:
    """Return a moment in UTC to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else NONE


def ago(value: datetime | None) -> str:
    """Return how long ago a moment was, or in how long it will be."""
    if value is None:
        return "never"
    elapsed = datetime.now(UTC) - value
    if elapsed < timedelta(0):
        return f"in {seconds(-elapsed.total_seconds())}"
    return f"{seconds(round(elapsed.total_seconds()))} ago"


def json(value: object) -> str:
    """Return a value as JSON."""
    return orjson.dumps(value, default=str).decode()


def inline(text: str) -> Markup:
    """Return a text in which code stands between backquotes as HTML."""
    pieces = visible_lines(hide(text)).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if n % 2 else escape(piece) for n, piece in enumerate(pieces)
    )


FILTERS: Mapping[str, Callable[..., object]] = {
    "number": number,
    "rate": rate,
    "seconds": seconds,
    "size": size,
    "moment": moment,
    "ago": ago,
    "inline": inline,
    "json": json,
    "tree": tree,
}
