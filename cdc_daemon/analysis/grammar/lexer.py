"""PostgreSQL's text as tokens, by the rules of its scanner (scan.l)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple


class SyntaxFault(Exception):
    """The grammar does not know the text. `str()` names the position and the token there."""


class Kind(Enum):
    """The kinds of tokens."""

    WORD = auto()
    """A keyword, or a name without quotes."""
    QUOTED = auto()
    """A name in quotes."""
    NUMBER = auto()
    STRING = auto()
    NATIONAL = auto()
    """A string of type bpchar: N'…'."""
    BITS = auto()
    """B'101' or X'1F', as written."""
    OPERATOR = auto()
    SIGN = auto()
    """A bracket, comma, dot, colon or semicolon; `::`, `:=` and `=>`."""
    END = auto()


class Token(NamedTuple):
    """A token; `text` is its value: a string or a name in quotes without these, a word in its own capitals.

    Attributes:
        start, end: the offsets of its first and its last character.
        upper: a word in capitals, or a sign or operator as it is; empty for names in quotes and constants.
    """

    kind: Kind
    text: str
    start: int
    end: int
    upper: str


_BLANK = re.compile(r"(?:\s+|--[^\n\r]*)+")
_COMMENT_SIGN = re.compile(r"/\*|\*/")
_WORD = re.compile(r"[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*")
_NUMBER = re.compile(
    r"0[xX](?:_?[0-9A-Fa-f])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+"
    r"|(?:\d(?:_?\d)*(?:\.(?!\.)(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?"
)
_STRING = re.compile(r"'((?:[^']|'')*)'")
_ESCAPED = re.compile(r"[eE]'((?:[^'\\]|''|\\.)*)'", re.DOTALL)
_UNICODE = re.compile(r"[uU]&(?:'((?:[^']|'')*)'|\"((?:[^\"]|\"\")+)\")")
_UESCAPE = re.compile(r"\s*uescape\s*'([^'])'", re.IGNORECASE)
_BITS = re.compile(r"[bBxX]'[^']*'")
_DOLLARS = re.compile(r"\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_OPERATOR = re.compile(r"[~!@#^&|`?+\-*/%<>=]+")
_SIGN = re.compile(r"::|:=|\.\.|[()\[\],;:.]")
# A string goes on behind a line break.
_CONTINUED = re.compile(r"\s*\n\s*'((?:[^']|'')*)'")

# An operator may end in + or - only if it holds one of these.
_ODD = frozenset("~!@#^&|`?%")


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, and one of kind END.

    Raises:
        SyntaxFault: a string, a comment or a name in quotes does not end, or no token begins here.
    """
    at = 0
    while True:
        at = _skip_blank(text, at)
        if at == len(text):
            yield Token(Kind.END, "", at, at, "")
            return
        token = _token(text, at)
        yield token
        at = token.end + 1


def _skip_blank(text: str, at: int) -> int:
    while True:
        if blank := _BLANK.match(text, at):
            at = blank.end()
        elif text.startswith("/*", at):
            at = _end_of_comment(text, at)
        else:
            return at


def _end_of_comment(text: str, at: int) -> int:
    """Where a comment ends; comments nest."""
    depth = 0
    for sign in _COMMENT_SIGN.finditer(text, at):
        depth += 1 if sign.group() == "/*" else -1
        if depth == 0:
            return sign.end()
    raise SyntaxFault(f"a comment at character {at + 1} has no end")


def _token(text: str, at: int) -> Token:  # noqa: PLR0911 # one for each kind
    if found := _UNICODE.match(text, at):
        return _unicode(text, found)
    if found := _ESCAPED.match(text, at):
        return _continued(text, at, found.end(), _unescaped(found[1]))
    if found := _BITS.match(text, at):
        return Token(Kind.BITS, found.group(), at, found.end() - 1, "")
    if found := _STRING.match(text, at):
        return _continued(text, at, found.end(), found[1].replace("''", "'"))
    if text[at] in "nN" and (found := _STRING.match(text, at + 1)):
        token = _continued(text, at, found.end(), found[1].replace("''", "'"))
        return token._replace(kind=Kind.NATIONAL)
    if found := _DOLLARS.match(text, at):
        end = text.find(found.group(), found.end())
        if end < 0:
            raise SyntaxFault(f"a string at character {at + 1} has no end")
        return Token(Kind.STRING, text[found.end() : end], at, end + len(found.group()) - 1, "")
    if found := _QUOTED.match(text, at):
        return Token(Kind.QUOTED, found[1].replace('""', '"'), at, found.end() - 1, "")
    if found := _NUMBER.match(text, at):
        return Token(Kind.NUMBER, found.group(), at, found.end() - 1, "")
    if found := _WORD.match(text, at):
        return Token(Kind.WORD, found.group(), at, found.end() - 1, found.group().upper())
    if found := _SIGN.match(text, at):
        return Token(Kind.SIGN, found.group(), at, found.end() - 1, found.group())
    if found := _OPERATOR.match(text, at):
        name = _operator(found.group())
        kind = Kind.SIGN if name == "=>" else Kind.OPERATOR
        return Token(kind, name, at, at + len(name) - 1, name)
    raise SyntaxFault(f"no token begins with {text[at]!r} at character {at + 1}")


def _operator(signs: str) -> str:
    """The operator with which a row of signs begins."""
    for comment in ("--", "/*"):
        signs = signs.partition(comment)[0] or signs
    while len(signs) > 1 and signs[-1] in "+-" and _ODD.isdisjoint(signs):
        signs = signs[:-1]
    return signs


def _continued(text: str, start: int, end: int, value: str) -> Token:
    while more := _CONTINUED.match(text, end):
        value += more[1].replace("''", "'")
        end = more.end()
    return Token(Kind.STRING, value, start, end - 1, "")


def _unicode(text: str, found: re.Match[str]) -> Token:
    """U&'…' or U&"…", with the UESCAPE behind it."""
    end, sign = found.end(), "\\"
    if escape := _UESCAPE.match(text, end):
        end, sign = escape.end(), escape[1]
    mark = re.escape(sign)
    quoted = found[2] is not None
    value = found[2].replace('""', '"') if quoted else found[1].replace("''", "'")
    pattern = rf"{mark}(?:({mark})|\+([0-9A-Fa-f]{{6}})|([0-9A-Fa-f]{{4}}))"
    value = re.sub(pattern, lambda m: m[1] or chr(int(m[2] or m[3], 16)), value)
    value = value.encode("utf-16", "surrogatepass").decode("utf-16")  # pairs of surrogates are one character
    return Token(Kind.QUOTED if quoted else Kind.STRING, value, found.start(), end - 1, "")


_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(
    r"''|\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{1,3})|(.))", re.DOTALL
)


def _unescaped(value: str) -> str:
    """What E'…' means; bytes of one character that are written one by one are put together."""

    def one(found: re.Match[str]) -> str:
        if found.group() == "''":
            return "'"
        if found[5] is not None:
            return _ESCAPES.get(found[5], found[5])
        if found[2] or found[3]:
            return chr(int(found[2] or found[3], 16))
        byte = int(found[1], 16) if found[1] else int(found[4], 8) & 0xFF
        return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)

    text = _ESCAPE.sub(one, value)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
