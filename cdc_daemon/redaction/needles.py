"""What is looked for of a secret: itself, and its base64 and hex, wherever in a longer text they begin."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

SHORTEST_ANYWHERE = 6
"""A shorter secret, hidden wherever it occurs, would tear ordinary words apart: it must be a whole word."""

SHORTEST_WORD = 4
"""One that is shorter still is hidden beside its user only (`user:password`), and where a name tells."""

_SHORTEST_CODED = 5
_LONG = 16
_BEGINNING = 12  # of a long secret: who echoes it may have cut it off
_CODED_SIGN = re.compile(r"[A-Za-z0-9+/=_-]")


@dataclass(frozen=True)
class Needle:
    """One text that is looked for.

    Attributes:
        sought: what is found by.
        whole: what it goes on with; hidden as far as the text goes along.
        coded: a part of base64 or hex: all of it is hidden, for its borders hold parts of the secret.
    """

    sought: str
    whole: str
    coded: bool = False

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Each place in the text, from where to where."""
        start = text.find(self.sought)
        while start >= 0:
            end = start + len(self.sought)
            if self.coded:
                begin = start
                while begin > 0 and _CODED_SIGN.match(text[begin - 1]):
                    begin -= 1
                while end < len(text) and _CODED_SIGN.match(text[end]):
                    end += 1
                yield begin, end
            else:
                while end - start < len(self.whole) and text[end : end + 1] == self.whole[end - start]:
                    end += 1
                yield start, end
            start = text.find(self.sought, end)


@dataclass(frozen=True)
class Needles:
    """Everything that is looked for."""

    anywhere: tuple[Needle, ...] = ()
    words: re.Pattern[str] | None = field(default=None)

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Needles:
        """Those of some secrets, in any order."""
        found: dict[str, Needle] = {}
        words: set[str] = set()
        for secret in sorted(set(secrets), key=len, reverse=True):
            if len(secret) >= SHORTEST_ANYWHERE:
                for text in {secret, secret.replace(" ", "+")}:
                    is_cut = len(text) >= _LONG and "://" not in text
                    needle = Needle(text[:_BEGINNING] if is_cut else text, text)
                    found.setdefault(needle.sought, needle)
            elif len(secret) >= SHORTEST_WORD:
                words.add(re.escape(secret))
            if len(secret) >= SHORTEST_WORD:
                for text in _coded(secret):
                    found.setdefault(text, Needle(text, text, coded=True))
        pattern = rf"(?<![A-Za-z0-9])(?:{'|'.join(sorted(words))})(?![A-Za-z0-9])" if words else None
        return cls(tuple(found.values()), re.compile(pattern) if pattern else None)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Each place in the text that holds something of a secret."""
        for needle in self.anywhere:
            if needle.sought in text:
                yield from needle.spans(text)
        if self.words is not None:
            yield from (found.span() for found in self.words.finditer(text))


def _coded(secret: str) -> set[str]:
    """What base64 and hex make of a secret.

    In base64 three bytes are four signs: a secret within a longer text (`user:password`, a whole request)
    looks different at each of three places. The signs at its borders depend on what stands beside it.
    """
    found: set[str] = set()
    # It may have been escaped before: OAuth's client secret is, and a request's body in JSON.
    for text in {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}:
        content = text.encode()
        found |= {content.hex(), content.hex().upper()}
        for before in range(3):
            first = -(-before * 8 // 6)
            last = (before + len(content)) * 8 // 6
            inner = base64.b64encode(bytes(before) + content).decode()[first:last]
            if len(inner) >= _SHORTEST_CODED:
                found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found
