"""What is refused in a feed's query and what is warned about, each with its place in the user's text.

Whether a function is volatile or a relation is a view is the catalogue's word; the text's tokens only say
where. What the server can't know (an aggregate whose order is left open) is read off the tokens, too: the
definition has lost its places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from cdc_daemon.analysis.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.dialect import Definition
from cdc_daemon.analysis.plan import Verdict

# Their value is a matter of the order in which rows come, unless ORDER BY or DISTINCT (which sorts) fixes it.
_ORDERED = frozenset(
    {"array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "xmlagg", "json_arrayagg"}
    | {"json_objectagg", "json_agg_strict", "jsonb_agg_strict", "json_object_agg_strict"}
)
_CLOCK_FUNCTIONS = frozenset({"now", "transaction_timestamp", "statement_timestamp"})
_CLOCK_WORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
_NO_ROW_CHANGES = (
    "no row changes when time passes, so nothing would be captured: "
    "let the query yield _refresh_at, a timestamptz that says when it has to be asked again"
)
_BEFORE_STAR = (TokenType.SELECT, TokenType.COMMA, TokenType.DOT, TokenType.DISTINCT)
_RELATIONS = {
    "materialized view": "its contents change at REFRESH, which no trigger sees: read the tables behind it",
    "foreign table": "its rows change where no trigger of this server fires: copy it to a table",
    "system catalogue": "no trigger can be created on it: keep what is needed of it in a table",
    "sequence": "no trigger can be created on it",
}


def judge(query: FeedQuery, catalogue: Catalogue) -> Iterator[Verdict]:
    """Every refusal and warning about a feed's query, in no particular order."""
    try:
        text = _Text(query.text, Definition().tokenize(query.text))
    except SqlglotError:
        text = _Text(query.text, [])
    yield from _statements(text)
    refreshes = any(output.name == "_refresh_at" for output in query.outputs)
    yield from _functions(text, catalogue, refreshes=refreshes)
    yield from _relations(text, catalogue)
    yield from _orders(text)


@dataclass
class _Text:
    """The user's text as tokens."""

    text: str
    tokens: Sequence[Token]

    def verdict(self, token: Token | None, what: str, hint: str, *, refusal: bool) -> Verdict:
        if token is None:
            return Verdict(refusal, what, hint)
        line = self.text.count("\n", 0, token.start) + 1
        column = token.start - (self.text.rfind("\n", 0, token.start) + 1) + 1
        return Verdict(refusal, what, hint, line, column)

    def named(self, name: str, *, called: bool = False) -> list[Token | None]:
        """The tokens that are this name (in front of a parenthesis, if called); None if there is none."""
        found: list[Token | None] = [
            token
            for n, token in enumerate(self.tokens)
            if (token.text if token.token_type is TokenType.IDENTIFIER else token.text.lower()) == name
            and token.token_type is not TokenType.STRING
            and (not called or self._type(n + 1) is TokenType.L_PAREN)
        ]
        return found or [None]

    def _type(self, n: int) -> TokenType | None:
        return self.tokens[n].token_type if 0 <= n < len(self.tokens) else None


def _statements(text: _Text) -> Iterator[Verdict]:
    for n, token in enumerate(text.tokens):
        if token.token_type is TokenType.SEMICOLON:
            several = n + 1 < len(text.tokens)
            what = "the file holds several statements" if several else "the query ends with a semicolon"
            hint = "a feed's query is one SELECT, alone in its file, without a semicolon"
            yield text.verdict(token, what, hint, refusal=True)
            return


def _functions(text: _Text, catalogue: Catalogue, *, refreshes: bool) -> Iterator[Verdict]:
    for token in () if refreshes else text.tokens:
        word = token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
        if word and token.text.lower() in _CLOCK_WORDS:
            what = f"{token.text.upper()} gives another value at every run"
            yield text.verdict(token, what, _NO_ROW_CHANGES, refusal=True)
    for function in catalogue.functions:
        clock = function.schema == "pg_catalog" and function.name in _CLOCK_FUNCTIONS
        if clock and refreshes:
            continue
        if clock or function.volatility == "volatile":
            what = f"{function.name}() gives another value at every run"
            hint = _NO_ROW_CHANGES if clock else "a document has to depend on its rows alone: leave it out"
            for place in text.named(function.name, called=True):
                yield text.verdict(place, what, hint, refusal=True)
        elif function.volatility == "stable" and function.schema != "pg_catalog":
            what = f"{function.schema}.{function.name}() may read tables, whose changes are not captured"
            hint = "write its query out in the feed's, or declare it IMMUTABLE if it reads none"
            for place in text.named(function.name, called=True):
                yield text.verdict(place, what, hint, refusal=False)


def _relations(text: _Text, catalogue: Catalogue) -> Iterator[Verdict]:
    for table in catalogue.tables.values():
        if table.kind != "table":
            token = text.named(table.name.name)[0]
            yield text.verdict(token, f"{table.name} is a {table.kind}", _RELATIONS[table.kind], refusal=True)


@dataclass
class _Level:
    """One pair of parentheses, or the whole text.

    Attributes:
        aggregate: the call that it holds the arguments of, if their order matters.
        ordered: ORDER BY or DISTINCT was seen in it.
        exists: it is the argument of EXISTS, whose columns nobody reads.
    """

    aggregate: Token | None = None
    ordered: bool = False
    exists: bool = False


def _orders(text: _Text) -> Iterator[Verdict]:
    """Aggregates and LIMITs whose result the query leaves to chance, and stars."""
    levels = [_Level()]
    for n, token in enumerate(text.tokens):
        before = text.tokens[n - 1] if n else None
        match token.token_type:
            case TokenType.L_PAREN:
                name = before.text.lower() if before else ""
                levels.append(_Level(before if name in _ORDERED else None, exists=name == "exists"))
            case TokenType.R_PAREN if len(levels) > 1:
                after = text.tokens[n + 1] if n + 1 < len(text.tokens) else None
                yield from _closed(text, levels.pop(), after)
            case TokenType.ORDER_BY | TokenType.DISTINCT:
                levels[-1].ordered = levels[-1].ordered or (
                    token.token_type is TokenType.ORDER_BY or levels[-1].aggregate is not None
                )
            case TokenType.UNION | TokenType.EXCEPT | TokenType.INTERSECT:
                levels[-1].ordered = False
            case TokenType.LIMIT | TokenType.FETCH if not levels[-1].ordered:
                what = "LIMIT without ORDER BY lets the server choose the rows"
                yield text.verdict(token, what, "add ORDER BY with a unique last column", refusal=False)
            case TokenType.STAR if before is not None and before.token_type in _BEFORE_STAR:
                if not levels[-1].exists:
                    what = "* takes every column, also those that are added later"
                    hint = "name the columns that the documents need"
                    yield text.verdict(token, what, hint, refusal=False)
            case _:
                pass


def _closed(text: _Text, level: _Level, after: Token | None) -> Iterator[Verdict]:
    if level.aggregate is None or level.ordered:
        return
    if after is not None and after.text.lower() in ("over", "within"):
        return
    name = level.aggregate.text
    what = f"{name}() without ORDER BY: its elements come in any order, and every difference is sent"
    hint = f"order them by a unique column inside the call: {name}(… ORDER BY …)"
    yield text.verdict(level.aggregate, what, hint, refusal=False)
