"""Finds in a statement what PostgreSQL looks up through the search path, without a server."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
      (?P<text> [eE]?'(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<parameter> %\(\w+\)s(?:\b|(?=\W)) | \$\d+ )
    | (?P<name> "(?:[^"]|"")+" | [A-Za-z_]\w* )
    | (?P<number> \d[\d.]* )
    | (?P<sign> ::|:=|\.\.|[-+*/<>=~!@\#%^&|`?]+ | [().,;\[\]:] )
    """,
    re.VERBOSE | re.DOTALL,
)

# What stands before a parenthesis and is no function. (UNNEST of several arrays is grammar, too.)
_GRAMMAR = frozenset(
    """all and any array as by coalesce conflict distinct else elsif end exists explain filter from greatest
    having if in into join key lateral least materialized not on or over recursive returning row select set
    some table then union unnest using values when where while with within""".split()  # noqa: SIM905 # it is shorter
)
# Looked up by the name `=`, `<` and so on, although no operator stands there that could be named.
_HIDDEN = re.compile(
    r"\b(?:IN\s*\(|BETWEEN\b|I?LIKE\b|SIMILAR\s+TO\b|IS\s+(?:NOT\s+)?DISTINCT\s+FROM\b(?!\s+NULL\b)|NULLIF\s*\(|NATURAL\b"
    r"|JOIN\s+[^()]*?\bUSING\s*\(|CASE\s+(?!WHEN\b))",
    re.IGNORECASE,
)


def looked_up(statement: str) -> list[str]:
    """Operators, functions and types without a schema, each with a few words around it."""
    statement = re.sub(r"\bOPERATOR\s*\(\s*(?:\w+|\"[^\"]+\")\.[^\s()\w]+\s*\)", " AND ", statement)
    statement = statement.replace("#variable_conflict use_column", "")  # a directive of PL/pgSQL
    tokens = list(_tokens(statement))
    plain = " ".join(word for _, word in tokens)
    return [*(found.group() for found in _HIDDEN.finditer(plain)), *_unnamed(tokens)]


def _tokens(statement: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(statement):
        kind = found.lastgroup or ""
        kind = "text" if kind == "tag" else kind
        if kind == "text":
            yield kind, "''"
        elif kind != "comment":
            yield kind, found.group()


def _unnamed(tokens: list[tuple[str, str]]) -> Iterator[str]:
    assigning = False  # SET a = b is no comparison
    for n, (kind, word) in enumerate(tokens):
        before = tokens[n - 1][1] if n else ""
        after = tokens[n + 1][1] if n + 1 < len(tokens) else ""
        around = " ".join(each for _, each in tokens[max(0, n - 3) : n + 4])
        lower = word.lower()
        if kind == "name":
            assigning = lower == "set" or (
                assigning and lower not in ("where", "from", "returning", "select")
            )
            qualified = before == "."
            called = after == "(" and not qualified and lower not in _GRAMMAR and not _is_alias(tokens, n)
            if called and not _is_relation(tokens, n):
                yield f"function {word}: {around}"
            if before == "::" and after != ".":
                yield f"type {word}: {around}"
        elif kind == "sign" and not re.fullmatch(r"::|:=|\.\.|[().,;\[\]:]", word):
            if word == "*" and (before in (".", "(", ",") or before.upper() in ("SELECT", "DISTINCT")):
                continue  # every column
            if word == "=>" or (word == "=" and assigning):
                continue
            if word == "-" and tokens[n + 1][0] == "number" and before in ("(", ",", "AND"):
                continue  # a negative number
            yield f"operator {word}: {around}"


def _is_alias(tokens: list[tuple[str, str]], n: int) -> bool:
    """`AS name (columns)`, or `WITH name (columns) AS`."""
    return tokens[n - 1][1].lower() in ("as", "with", "recursive")


def _is_relation(tokens: list[tuple[str, str]], n: int) -> bool:
    """`INSERT INTO name (columns)`, `CREATE TABLE name (`, perhaps with an alias."""
    words = [word.lower() for _, word in tokens[max(0, n - 6) : n]]
    return "into" in words or "table" in words or "index" in words
