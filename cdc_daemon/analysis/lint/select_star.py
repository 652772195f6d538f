"""Stars and whole rows of tables: a column that is added later changes every document's hash."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.source_text import STAR, in_parentheses, is_cte

_BEFORE_QUERY = (
    TokenType.L_PAREN,
    TokenType.UNION,
    TokenType.EXCEPT,
    TokenType.INTERSECT,
    TokenType.ALL,
)


def stars(context: LintContext) -> Iterator[Verdict]:
    """Yield stars that stand for the columns of a table. Derived tables and CTEs name their columns
    themselves.
    """
    yield from _table_commands(context)
    tree = context.text.tree
    if tree is None:
        return
    for select in tree.find_all(exp.Select):
        if isinstance(select.parent, exp.Exists):
            continue  # nobody reads the columns of EXISTS
        tables = {node.alias_or_name.lower() for node in _items(select) if _is_table(node)}
        for node in _columns(select):
            star = node.name == STAR
            alias = (node.table if star else node.name).lower()
            whole = not star and not node.table and alias in tables and isinstance(node.parent, exp.Anonymous)
            if (star and (alias in tables if alias else bool(tables))) or whole:
                shown = "*" if star and not alias else f"{alias}.*" if star else f"the whole row {alias}"
                what = f"{shown} takes every column, also those that are added later"
                hint = "name the columns that the documents need"
                first = node.args.get("table") or node.this
                location = context.text.location_at((node.this if star else first).meta["start"])
                yield context.verdict("star", what, hint, location)


def _table_commands(context: LintContext) -> Iterator[Verdict]:
    """`TABLE product`, which is SELECT * FROM product."""
    text = context.text
    for n, token in enumerate(text.tokens):
        begins = n == 0 or text.type_of(n - 1) in _BEFORE_QUERY
        if begins and token.token_type is TokenType.TABLE:
            what = "TABLE takes every column, also those that are added later"
            yield context.verdict(
                "star", what, "SELECT the columns that the documents need", text.location(token)
            )


def _columns(select: exp.Select) -> Iterator[exp.Column]:
    """The columns of a SELECT's own expressions."""
    for node in select.find_all(exp.Column):
        if node.find_ancestor(exp.Select) is select:
            yield node


def _items(select: exp.Select) -> Iterator[Tree]:
    """The items of FROM, without parentheses."""
    from_ = select.args.get("from_")
    waiting = [from_.this] if from_ is not None else []
    waiting += [join.this for join in select.args.get("joins") or ()]
    while waiting:
        item = waiting.pop()
        waiting += [join.this for join in item.args.get("joins") or ()]
        if in_parentheses(item):
            waiting.append(item.this)
        else:
            yield item


def _is_table(node: Tree) -> bool:
    return isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and not is_cte(node)
