"""Text without its escapes (percent, JSON, HTML, C), and where each sign of it stood."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

_ESCAPE = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<bytes>(?:\\x[0-9A-Fa-f]{2})+)"
    r"|(?P<units>(?:\\u[0-9A-Fa-f]{4})+)"
    r"|(?P<sign>\\[\"'\\/bfnrt])"
    r"|(?P<entity>&(?:\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
)
_SIGNS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Decoded:
    """A text, and where each of its signs begins and ends in the text that it was made of."""

    text: str
    starts: list[int]
    ends: list[int]


def decoded(before: Decoded) -> Decoded | None:
    """One layer of escapes less; None if there is none. What is no escape stays as it is."""
    text = before.text
    if not ("%" in text or "\\" in text or "&" in text):
        return None
    signs: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def keep(start: int, end: int) -> None:
        signs.append(text[start:end])
        starts.extend(before.starts[start:end])
        ends.extend(before.ends[start:end])

    at, found_any = 0, False
    for found in _ESCAPE.finditer(text):
        found_any = True
        keep(at, found.start())
        at = found.start()
        for sign, width in _signs(found):
            signs.append(sign)
            # An entity may be several signs: each stands where the whole does.
            starts.extend([before.starts[at]] * len(sign))
            ends.extend([before.ends[at + width - 1]] * len(sign))
            at += width
        at = found.end()
    if not found_any:
        return None
    keep(at, len(text))
    return Decoded("".join(signs), starts, ends)


def _signs(found: re.Match[str]) -> Iterator[tuple[str, int]]:
    """The signs that an escape stands for, each with how many signs of the text it took."""
    said = found.group()
    match found.lastgroup:
        case "percent":
            yield from _of_bytes(bytes.fromhex(said.replace("%", "")), 3)
        case "bytes":
            yield from _of_bytes(bytes.fromhex(said.replace("\\x", "")), 4)
        case "units":
            units = bytes.fromhex(said.replace("\\u", ""))
            for sign in units.decode("utf-16-be", "surrogatepass"):
                yield sign, 6 * len(sign.encode("utf-16-be", "surrogatepass")) // 2
        case "sign":
            yield _SIGNS.get(said[1], said[1]), 2
        case _:
            yield html.unescape(said), len(said)


def _of_bytes(content: bytes, width: int) -> Iterator[tuple[str, int]]:
    try:
        signs = content.decode()
    except UnicodeDecodeError:
        yield from ((sign, width) for sign in content.decode("latin-1"))
    else:
        yield from ((sign, width * len(sign.encode())) for sign in signs)
