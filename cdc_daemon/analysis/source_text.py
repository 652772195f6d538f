"""Locations in the user's text.

The analysis works on the definition that PostgreSQL wrote, which has lost the locations. The definition and
the text hold the same calls and tables in the same order, so the n-th call of a function in one is the n-th
in the other. If the numbers differ, the location stays unknown: PostgreSQL writes an ORDER BY 2 out, or a
comment holds a name. A verdict without a location is better than one with a wrong location.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.dialect import Tree, Unreadable, parse

_DERIVED = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)

STAR = "\ue000"
"""One character, so that everything behind it keeps its position; PostgreSQL has no use for it."""

_BEFORE_STAR = (TokenType.SELECT, TokenType.COMMA, TokenType.DOT, TokenType.DISTINCT)


class Location(NamedTuple):
    """Line and column in the user's text, from 1."""

    line: int
    column: int


def without_last_semicolon(text: str) -> str:
    """A query without the semicolon at its end, so that it can be wrapped.

    A blank stands in its place, so that all other characters keep theirs.
    """
    if ";" not in text:
        return text
    last = next(reversed(SqlText(text).tokens), None)
    if last is None or last.token_type is not TokenType.SEMICOLON:
        return text
    return f"{text[: last.start]} {text[last.end + 1 :]}"


@lru_cache(maxsize=8)
def _tokens(text: str) -> Sequence[Token]:
    """The tokens of a text; none if it has no end of a literal. Every check of a query needs them."""
    try:
        return tuple(Postgres().tokenize(text))
    except SqlglotError:
        return ()


class SqlText:
    """A SELECT as it was written: its tokens, and its tree if it can be parsed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)

    def location(self, token: Token) -> Location:
        """The place of a token."""
        return self.location_at(token.start)

    def location_at(self, offset: int) -> Location:
        """The place of a character, by its offset."""
        return Location(self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset))

    def named(self, name: str, *, called: bool = False) -> list[Token]:
        """The tokens that are this name, in order; if `called`, only those in front of a parenthesis."""
        return [
            token
            for n, token in enumerate(self.tokens)
            if spelling(token) == name
            and token.token_type is not TokenType.STRING
            and (not called or self.type_of(n + 1) is TokenType.L_PAREN)
        ]

    def keywords(self, word: str) -> list[Location]:
        """The locations of a reserved word: not quoted, not a column after a dot, not a label."""
        return [
            self.location_at(token.start)
            for n, token in enumerate(self.tokens)
            if token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
            and token.text.lower() == word
            and self.type_of(n - 1) not in (TokenType.DOT, TokenType.ALIAS)
        ]

    def literals(self, word: str) -> list[Location]:
        """The locations of string literals with this content, in upper or lower case."""
        return [
            self.location_at(token.start)
            for token in self.tokens
            if token.token_type is TokenType.STRING and token.text.strip().lower() == word
        ]

    def type_of(self, n: int) -> TokenType | None:
        """The type of the n-th token; None outside the text."""
        return self.tokens[n].token_type if 0 <= n < len(self.tokens) else None

    @cached_property
    def tree(self) -> exp.Query | None:
        """The text as a tree; None if it can't be parsed.

        A star becomes a column named `STAR`, because sqlglot keeps the locations of names only.
        """
        stars = {token.start for n, token in enumerate(self.tokens) if self._selects(n)}
        try:
            return parse("".join(STAR if n in stars else each for n, each in enumerate(self.text)))
        except Unreadable:
            return None

    def _selects(self, n: int) -> bool:
        """Whether a token is a star that stands for columns, not for a product or count(*)."""
        return self.type_of(n) is TokenType.STAR and self.type_of(n - 1) in _BEFORE_STAR


class Locations:
    """The locations of a definition's parts in the user's text."""

    def __init__(self, text: SqlText, definition: SqlText) -> None:
        self.text = text
        self.definition = definition

    def of_call(self, call: Tree) -> Location | None:
        """The place of a call of the definition."""
        start = call.meta.get("start")
        mine = self.text.named(call.name, called=True)
        theirs = self.definition.named(call.name, called=True)
        n = next((n for n, token in enumerate(theirs) if token.start == start), None)
        if n is None or not mine:
            return None
        if len(mine) == 1:  # written once, and repeated by PostgreSQL (ORDER BY 2)
            return self.text.location(mine[0])
        return self.text.location(mine[n]) if len(mine) == len(theirs) else None

    def of_keyword(self, words: Collection[str], inside: Tree) -> Location | None:
        """The location of one of some keywords, found by an expression of the definition that follows it."""
        first = min((node.meta["start"] for node in inside.walk() if "start" in node.meta), default=None)
        mine, theirs = (
            [token for token in text.tokens if token.text.lower() in words]
            for text in (self.text, self.definition)
        )
        if not mine or len(mine) != len(theirs):
            return None
        if len(mine) == 1:
            return self.text.location(mine[0])
        before = sum(token.start < first for token in theirs) if first is not None else 0
        return self.text.location(mine[before - 1]) if before else None

    def of_order(self, order: Tree) -> Location | None:
        """The place of an ORDER BY of the definition."""
        first = min((node.meta["start"] for node in order.walk() if "start" in node.meta), default=None)
        mine = [token for token in self.text.tokens if token.token_type is TokenType.ORDER_BY]
        theirs = [token for token in self.definition.tokens if token.token_type is TokenType.ORDER_BY]
        if first is None or len(mine) != len(theirs):
            return None
        return self.text.location(mine[sum(token.start < first for token in theirs) - 1])

    def of_relation(self, name: TableName) -> Location | None:
        """The first location where the user reads a relation."""
        if self.text.tree is not None:
            for node in tables_read(self.text.tree):
                if _folded(node.this) == name.name and _folded(node.args.get("db")) in ("", name.schema):
                    return self._of_table(node)
        return self.of_name(name.name)

    def of_name(self, name: str, *, called: bool = False) -> Location | None:
        """The first place of a name."""
        return next(iter(map(self.text.location, self.text.named(name, called=called))), None)

    def of_tables(self, definition: Tree) -> Mapping[int, Location]:
        """The location of each table of the definition, by its number in `find_all(exp.Table)`."""
        mine = _by_table(tables_read(self.text.tree) if self.text.tree is not None else ())
        theirs = _by_table(tables_read(definition))
        origins = {id(node): number for number, node in enumerate(definition.find_all(exp.Table))}
        found: dict[int, Location] = {}
        for name, nodes in theirs.items():
            for node, twin in _paired(nodes, [*mine.get(name, ()), *mine.get(TableName("", name.name), ())]):
                found[origins[id(node)]] = self._of_table(twin)
        return found

    def _of_table(self, node: exp.Table) -> Location:
        first = node.args.get("catalog") or node.args.get("db") or node.this
        return self.text.location_at(first.meta["start"])


def spelling(token: Token) -> str:
    """The name of a token; PostgreSQL folds names that are not quoted."""
    return token.text if token.token_type is TokenType.IDENTIFIER else token.text.lower()


def tables_read(tree: Tree) -> list[exp.Table]:
    """The tables that a query reads, in the order of its text, without CTEs and functions in FROM."""
    found = [
        node
        for node in tree.find_all(exp.Table)
        if isinstance(node.this, exp.Identifier)
        and not isinstance(node.parent, exp.Lock)
        and not node.args.get("rows_from")
        and not is_cte(node)
    ]
    return sorted(found, key=lambda node: int(node.this.meta.get("start", 0)))


def in_parentheses(item: Tree) -> bool:
    """Whether an item of FROM is a join or item in parentheses, not a derived table."""
    if not isinstance(item, exp.Subquery):
        return False
    nested = isinstance(item.this, exp.Subquery) and not item.alias
    return nested or not isinstance(item.this, _DERIVED)


def is_cte(node: exp.Table) -> bool:
    """Whether a name is that of a visible CTE: one of an enclosing WITH, declared before the CTE that reads
    it.
    """
    if node.db:
        return False
    inside: set[int] = set()
    at: Tree | None = node
    while at is not None:
        inside.add(id(at))
        clause = at.args.get("with_") or exp.With(expressions=[])
        for cte in clause.expressions:
            if id(cte) in inside and not clause.args.get("recursive"):
                break
            if cte.alias == node.name:
                return True
        at = at.parent
    return False


def _by_table(nodes: Iterable[exp.Table]) -> Mapping[TableName, list[exp.Table]]:
    found: defaultdict[TableName, list[exp.Table]] = defaultdict(list)
    for node in nodes:
        found[TableName(_folded(node.args.get("db")), _folded(node.this))].append(node)
    return found


def _folded(identifier: exp.Identifier | None) -> str:
    if identifier is None:
        return ""
    return identifier.name if identifier.args.get("quoted") else identifier.name.lower()


def _paired(theirs: Sequence[exp.Table], mine: Sequence[exp.Table]) -> Iterator[tuple[exp.Table, exp.Table]]:
    """Pairs of a table of the definition and the same table of the text, by order, else by order of the
    alias.
    """
    mine = sorted(mine, key=lambda node: int(node.this.meta["start"]))
    if len(theirs) == len(mine):
        yield from zip(theirs, mine, strict=True)
        return
    for alias in {node.alias_or_name for node in theirs}:
        ours = [node for node in mine if node.alias_or_name.lower() == alias.lower()]
        same = [node for node in theirs if node.alias_or_name == alias]
        if len(ours) == len(same):
            yield from zip(same, ours, strict=True)
