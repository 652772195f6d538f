"""What the body of a function in SQL or PL/pgSQL shows about the relations that it reads.

PostgreSQL records them in pg_depend for `BEGIN ATOMIC` bodies only. Of other bodies only the text is there. A
relation that is found is evidence; its absence is none, because dynamic SQL and further calls are not
followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot.tokenizer_core import TokenType

from cdc_daemon.analysis.grammar.primaries import CLOCK_WORDS as CLOCK_NODES
from cdc_daemon.analysis.source_text import SqlText, spelling

# FROM is a part of these calls: extract(year FROM day), IS DISTINCT FROM.
_CALLS_WITH_FROM = frozenset({"extract", "substring", "trim", "overlay", "position"})
RUNNING_CLOCKS = frozenset({"statement_timestamp", "clock_timestamp", "timeofday"})
CLOCKS = frozenset({"now", "transaction_timestamp"}) | RUNNING_CLOCKS
_SYMBOLS = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
# IN, BETWEEN, DISTINCT, USING, NULLIF, CASE, LIKE, ILIKE and SIMILAR TO look for these.
# The first group is the beginning or end of a string in dollar quotes.
_PARAMETERS = re.compile(r"(\$(?:[^\W\d]\w*)?\$)|(?<![\w$])\$\d+")
_WORDS = re.compile(r'"(?:[^"]|"")+"|[^\W\d]\w*|[.()]')
_BEHIND_WORDS = frozenset({"=", "<>", "<", ">", "<=", ">=", "~", "~~", "!~~", "~~*", "!~~*"})
CLOCK_WORDS = frozenset(word.lower() for word in CLOCK_NODES)


def relation_read(body: str) -> str | None:
    """A relation that a body reads, as it is spelled there; `EXECUTE` for dynamic SQL; None if none shows."""
    text = _read(body)
    callers: list[str] = [""]
    for n, token in enumerate(text.tokens):
        word = _word(text, n)
        if token.token_type is TokenType.L_PAREN:
            callers.append(_word(text, n - 1))
        elif token.token_type is TokenType.R_PAREN and len(callers) > 1:
            callers.pop()
        elif word == "execute":
            return "EXECUTE"
        elif word in ("from", "join", "using") and callers[-1] not in _CALLS_WITH_FROM:
            if word == "from" and _word(text, n - 1) == "distinct":
                continue
            name = _relation(text, n + 1)
            if name is not None:
                return name
    return None


def names_in(body: str) -> frozenset[tuple[str | None, str]]:
    """Yield every name in a body that may be a function or view, with its schema or None."""
    text = _read(body)
    found: set[tuple[str | None, str]] = set()
    for n in range(len(text.tokens)):
        name = _folded(text, n)
        if name is not None:
            qualified = text.type_of(n - 1) is TokenType.DOT
            found.add((_folded(text, n - 2) if qualified else None, name))
    return frozenset(found)


def symbols_in(text: str) -> frozenset[str]:
    """Yield every operator name in a query or body, also for words that stand for an operator.

    `=-1` is two operators and `~-1` is one, so each prefix of such a run of characters may be an operator.
    """
    runs = _SYMBOLS.findall(text)
    return _BEHIND_WORDS.union(run[:length] for run in runs for length in range(1, len(run) + 1))


def _read(body: str) -> SqlText:
    """The tokens of a body; of one that is not SQL, its words, dots and parentheses.

    sqlglot's tokenizer takes `$1,$2` for the start of a dollar-quoted string that never ends, so parameters
    are left out. A body in another language may hold anything, such as an apostrophe in a comment.
    """
    text = SqlText(_PARAMETERS.sub(lambda found: found[1] or "0", body))
    return text if text.tokens else SqlText(" ".join(_WORDS.findall(body)))


def _folded(text: SqlText, n: int) -> str | None:
    """The name at a token, folded as PostgreSQL does; None if it is no name."""
    if not 0 <= n < len(text.tokens) or text.type_of(n) is TokenType.STRING:
        return None
    token = text.tokens[n]
    if token.token_type is TokenType.IDENTIFIER:
        return token.text.replace('""', '"')
    return token.text.lower() if token.text.replace("_", "a").replace("$", "a").isalnum() else None


def reads_clock(body: str) -> bool:
    """Whether a body reads the time of day."""
    text = _read(body)
    words = {_word(text, n) for n in range(len(text.tokens))}
    return bool(words & CLOCK_WORDS) or any(text.named(name, called=True) for name in CLOCKS)


def runs_on(body: str) -> bool:
    """Whether a body reads a clock that advances within a transaction."""
    text = _read(body)
    return any(text.named(name, called=True) for name in RUNNING_CLOCKS)


def _relation(text: SqlText, n: int) -> str | None:
    """The name at a token, if it names a relation, not a subquery or function."""
    while _word(text, n) in ("only", "lateral"):
        n += 1
    parts = list(_parts(text, n))
    after = n + 2 * len(parts) - 1
    if not parts or text.type_of(after) is TokenType.L_PAREN:
        return None
    return ".".join(parts)


def _parts(text: SqlText, n: int) -> Iterator[str]:
    """The parts of a dotted name."""
    while n < len(text.tokens):
        token = text.tokens[n]
        plain = token.text.replace("_", "a").isalnum() and token.token_type is not TokenType.STRING
        if token.token_type is not TokenType.IDENTIFIER and not plain:
            return
        yield token.text
        if text.type_of(n + 1) is not TokenType.DOT:
            return
        n += 2


def _word(text: SqlText, n: int) -> str:
    if not 0 <= n < len(text.tokens):
        return ""
    token = text.tokens[n]
    return "" if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER) else spelling(token)
