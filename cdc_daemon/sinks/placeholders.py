"""`{feed}`, `{sink}` and `{key}` in paths, URLs and other names."""

from __future__ import annotations

import string

NAMES = ("feed", "sink")


def checked(template: str) -> str:
    """Check that a template has no placeholders besides `{feed}` and `{sink}`. Return the template.

    Raises:
        ValueError: it has another placeholder, a conversion or a format. The message names it.
    """
    return _checked(template, NAMES)


def checked_with_key(template: str) -> str:
    """Do the same for a template that may also have `{key}`."""
    return _checked(template, (*NAMES, "key"))


def _checked(template: str, names: tuple[str, ...]) -> str:
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"a brace is not closed ({error}); write {{{{ or }}}} for a brace itself") from None
    for _, name, form, conversion in pieces:
        if name is not None and (name not in names or form or conversion):
            written = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            *first, last = (f"{{{known}}}" for known in names)
            raise ValueError(f"unknown placeholder {{{written}}}; known are {', '.join(first)} and {last}")
    return template


def filled(template: str, *, feed: str, sink: str, key: str = "") -> str:
    """Return the template with its placeholders replaced."""
    return template.format(feed=feed, sink=sink, key=key)
