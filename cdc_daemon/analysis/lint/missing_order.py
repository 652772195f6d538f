"""Results that depend on chance because an ORDER BY is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot.tokenizer_core import Token, TokenType

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.source_text import SqlText

# Their value is a matter of the order in which rows come, unless ORDER BY or DISTINCT (which sorts) fixes it.
ORDERED = frozenset(
    {"array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "xmlagg", "json_arrayagg"}
    | {"json_objectagg", "json_agg_strict", "jsonb_agg_strict", "json_object_agg_strict", "any_value"}
    | {"json_object_agg_unique", "json_object_agg_unique_strict"}
)


@dataclass
class _Level:
    """One pair of parentheses, or the whole text.

    Attributes:
        aggregate: the call whose arguments it holds, if their order matters.
        ordered: whether ORDER BY or DISTINCT occurs in it.
        chooses: a DISTINCT ON that has no ORDER BY yet.
    """

    aggregate: Token | None = None
    ordered: bool = False
    chooses: Token | None = None


def orders(context: LintContext) -> Iterator[Verdict]:
    """Yield aggregates, LIMITs and DISTINCT ONs without an order, in the query and in its views."""
    for token, verdict in _unordered(context.text):
        line, column = context.text.location(token)
        yield replace(verdict, line=line, column=column)
    for view in context.catalogue.views.values():
        for _, verdict in _unordered(SqlText(view.definition)):
            yield context.verdict(
                verdict.name,
                f"in view {view.name}: {verdict.what}",
                verdict.hint,
                context.location_of(view.name),
            )


def _unordered(text: SqlText) -> Iterator[tuple[Token, Verdict]]:
    levels = [_Level()]
    for n, token in enumerate(text.tokens):
        before = text.tokens[n - 1] if n else None
        match token.token_type:
            case TokenType.L_PAREN:
                name = before.text.lower() if before else ""
                levels.append(_Level(before if name in ORDERED else None))
            case TokenType.R_PAREN if len(levels) > 1:
                after = text.tokens[n + 1] if n + 1 < len(text.tokens) else None
                yield from _closed(levels.pop(), after)
            case TokenType.ORDER_BY:
                levels[-1].ordered, levels[-1].chooses = True, None
            case TokenType.DISTINCT if levels[-1].aggregate is not None:
                levels[-1].ordered = True
            case TokenType.DISTINCT if text.type_of(n + 1) is TokenType.ON:
                levels[-1].chooses = token
            case TokenType.UNION | TokenType.EXCEPT | TokenType.INTERSECT:
                yield from _chosen(levels[-1])
                levels[-1].ordered, levels[-1].chooses = False, None
            case TokenType.LIMIT | TokenType.FETCH if not levels[-1].ordered:
                what = f"{token.text.upper()} without ORDER BY lets the server choose the rows"
                hint = "add ORDER BY with a unique last column"
                yield token, Verdict("limit-without-order", what, hint)
            case _:
                pass
    yield from _chosen(levels[0])


def _closed(level: _Level, after: Token | None) -> Iterator[tuple[Token, Verdict]]:
    yield from _chosen(level)
    if level.aggregate is None or level.ordered:
        return
    if after is not None and after.text.lower() in ("over", "within"):
        return
    name = level.aggregate.text
    what = f"{name}() without ORDER BY: its elements come in any order, and every difference is sent"
    hint = f"order them by a unique column inside the call: {name}(… ORDER BY …)"
    if name.lower() == "any_value":
        what = "any_value() takes the value of any row, and every difference is sent"
        hint = "say which: min(…), max(…), or (array_agg(… ORDER BY …))[1]"
    yield level.aggregate, Verdict("unordered-aggregate", what, hint)


def _chosen(level: _Level) -> Iterator[tuple[Token, Verdict]]:
    if level.chooses is not None:
        what = "DISTINCT ON without ORDER BY lets the server choose the row of each group"
        hint = "add ORDER BY: the columns of DISTINCT ON first, then what decides, then a unique column"
        yield level.chooses, Verdict("limit-without-order", what, hint)
