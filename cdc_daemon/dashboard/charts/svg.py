"""Elements of SVG and HTML. Every text and every value of an attribute is escaped."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

CHARACTER = 6.6
"""Width of a character of a picture's text, in its units: about that of a 12-unit sans-serif."""


def element(tag: str, *content: str | Markup, **attributes: object) -> Markup:
    """Return an element.

    Args:
        content: texts, which are escaped, and markup, which is not.
        attributes: an underscore stands for a hyphen, one at the end is dropped (`class_`). None leaves the
            attribute out; a number is rounded to a tenth.
    """
    spelled = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _spelled(value))
        for name, value in attributes.items()
        if value is not None
    )
    # The tag is a constant of the caller; everything else is escaped.
    name = Markup(tag)  # noqa: S704
    return Markup("<{}{}>{}</{}>").format(name, spelled, joined(content), name)


def joined(pieces: Iterable[str | Markup]) -> Markup:
    """Return pieces one after the other; texts are escaped."""
    return Markup("").join(escape(piece) for piece in pieces)


def shortened(text: str, width: float) -> str:
    """Return a text that fits into a width, with an ellipsis if it is cut."""
    most = max(1, int(width / CHARACTER))
    return text if len(text) <= most else text[: most - 1] + "…"


def number(value: float) -> str:
    """Return a coordinate: at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _spelled(value: object) -> object:
    return number(value) if isinstance(value, float) else value
