"""Queries that are not a plain SELECT: several statements, data-modifying WITH, row locks. The text shows
it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot.tokenizer_core import TokenType

from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.source_text import SqlText, spelling

_WRITES = ("insert", "update", "delete", "merge")
_LOCKS = ("update", "share", "no", "key")


def statements(text: SqlText) -> Iterator[Verdict]:
    """Yield verdicts that need no server. A refusal here keeps PostgreSQL from describing the query."""

    def found(name: str, what: str, hint: str, n: int) -> Verdict:
        return Verdict(name, what, hint, *text.location_at(text.tokens[n].start))

    for n, token in enumerate(text.tokens):
        word = "" if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER) else spelling(token)
        if token.token_type is TokenType.SEMICOLON:
            if n + 1 < len(text.tokens):
                hint = "a feed's query is one SELECT, alone in its file"
                yield found("several-statements", "the file holds several statements", hint, n)
            return
        if word in _WRITES and _begins_cte(text, n):
            what = f"{word.upper()} in a WITH changes rows at every recomputation"
            hint = "a feed's query only reads: take the statement out"
            yield found("data-modifying", what, hint, n)
        if word == "for" and n + 1 < len(text.tokens) and spelling(text.tokens[n + 1]) in _LOCKS:
            kind = spelling(text.tokens[n + 1]).upper()
            what = f"FOR {kind} locks rows of yours while documents are made"
            yield found("locking", what, "leave it out: the daemon reads from one snapshot", n)


def _begins_cte(text: SqlText, n: int) -> bool:
    """Whether a token is the first in the parentheses of `AS [NOT] MATERIALIZED (`."""
    if text.type_of(n - 1) is not TokenType.L_PAREN or n < 2:
        return False
    return spelling(text.tokens[n - 2]) in ("as", "materialized")
