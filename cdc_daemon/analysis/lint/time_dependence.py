"""Clocks in a query: no row changes when time passes, so nothing would be captured.

A query with an output column `_refresh_at` says when a document must be recomputed. Then it may read a clock,
if the clock stands still within a transaction (a document and its `_refresh_at` must belong to one moment),
and if it decides only about the *contents* of documents. A row that the clock suppresses has no
`_refresh_at`, so nothing says when it appears. So the rows of the query, their keys and entities must not
depend on the clock. This dependence is followed from the innermost query outwards (`_Depends`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from cdc_daemon.analysis.grammar.primaries import CLOCK_WORDS as CLOCK_NODES
from cdc_daemon.analysis.lint.context import LintContext, is_call
from cdc_daemon.analysis.lint.function_bodies import CLOCK_WORDS, CLOCKS, RUNNING_CLOCKS, reads_clock, runs_on
from cdc_daemon.analysis.model.catalogue import Function, TableName
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.model.scopes import expressions_without_queries
from cdc_daemon.analysis.read.functions import SET_RETURNING, aggregates_all_rows
from cdc_daemon.analysis.source_text import Place, in_parentheses

REFRESH_AT = "_refresh_at"

_NODES = tuple(CLOCK_NODES.values())
_LITERALS = frozenset({"now", "today", "tomorrow", "yesterday"})

_OFFER = (
    "no row changes when time passes, so nothing would be captured: let the query yield _refresh_at, a "
    "timestamptz that says when it has to be asked again"
)
_REWRITE = (
    "a row that is not there can't say when it comes: yield the row always and decide inside the document "
    "(CASE WHEN … THEN …), or put the condition into the ON of a LEFT JOIN; if another document of the same "
    "entity is always there and tells the time for all of them, accept this"
)


def is_clock_function(function: Function) -> bool:
    """Whether a function reads the clock. age(x) of one timestamp counts from today."""
    if function.schema != "pg_catalog":
        return False
    age = function.name == "age" and len(function.arguments) == 1 and function.arguments[0] != "xid"
    return age or function.name in CLOCKS


def clocks(context: LintContext) -> Iterator[Verdict]:
    """Yield every place where the query reads the clock, unless `_refresh_at` allows it."""
    allowed = any(output.name == REFRESH_AT for output in context.query.outputs)
    for function in context.catalogue.functions:
        own = function.schema != "pg_catalog" and function.body and reads_clock(function.body)
        if not own and not is_clock_function(function):
            continue
        shown = f"{function}() reads the clock and" if own else f"{function}()"
        running = runs_on(function.body) if own else function.name in RUNNING_CLOCKS
        if allowed and not running:
            continue
        hint = "use now(), which stands still within a transaction" if allowed else _OFFER
        for place in _places(context, function):
            yield context.verdict("clock", f"{shown} gives another value at every run", hint, place)
    for word in sorted(CLOCK_WORDS) if not allowed else ():
        for place in context.places_of_word(word):
            what = f"{word.upper()} gives another value at every run"
            yield context.verdict("clock", what, _OFFER, place)
    yield from _literals(context)
    if allowed:
        yield from _deciding(context)


def _places(context: LintContext, function: Function) -> Iterator[Place | None]:
    if function.name != "age":
        yield from context.places_of(function)
        return
    calls = [call for call in context.calls(function) if len(call.expressions) == 1]
    yield from (context.places.of_call(call) for call in calls)


def _literals(context: LintContext) -> Iterator[Verdict]:
    """`'now'::timestamptz`: PostgreSQL replaces such a literal when it writes the definition."""
    definition = context.places.definition
    for word in _LITERALS:
        mine = context.text.literals(word)
        if len(mine) > len(definition.literals(word)):
            what = f"'{word}' as a time is read when the statement is prepared"
            hint = "use now() or CURRENT_DATE, beside an output column _refresh_at"
            yield context.verdict("clock", what, hint, mine[0])


def _deciding(context: LintContext) -> Iterator[Verdict]:
    if context.tree is None:
        return
    own = [f for f in context.catalogue.functions if f.schema != "pg_catalog" and reads_clock(f.body)]
    depends = _Clocks(own, context).query(context.tree, {}, {})
    identity = (*context.query.key, *context.query.entity)
    found: list[tuple[Tree, str]] = []
    if depends.rows is not None:
        found.append((depends.rows, "decides whether a row exists"))
    found += [(depends.columns[name], f"decides over {name}") for name in identity if name in depends.columns]
    for node, what in {id(node): (node, what) for node, what in reversed(found)}.values():
        shown, place = _shown(context, node)
        yield context.verdict("clock-decides", f"{shown} {what}", _REWRITE, place)


def _shown(context: LintContext, node: Tree) -> tuple[str, Place | None]:
    if isinstance(node, exp.Table):
        return f"the clock in view {node.db}.{node.name}", context.place_of(TableName(node.db, node.name))
    word = node.name if isinstance(node, exp.Anonymous) else node.key.replace("current", "current_")
    word = word.lower()
    if word in CLOCK_WORDS:
        return word.upper(), next(iter(context.text.keywords(word)), None)
    return f"{word}()", context.places.of_call(node)


@dataclass
class _Depends:
    """The parts of a query that depend on the clock, each with the node that reads it.

    Attributes:
        rows: set if the clock decides which rows there are.
        columns: the output columns whose values depend on the clock, by name.
    """

    rows: Tree | None = None
    columns: dict[str, Tree] = field(default_factory=dict[str, Tree])


_Visible = Mapping[str, _Depends]


@dataclass
class _Sources:
    """The sources to which a SELECT can refer.

    Attributes:
        visible: its own sources and those around it, by alias.
        own: the aliases of its own sources.
    """

    ctes: _Visible
    visible: dict[str, _Depends]
    own: set[str] = field(default_factory=set[str])

    def add(self, alias: str, depends: _Depends) -> None:
        self.visible[alias] = depends
        self.own.add(alias)

    def taint(self, aliases: frozenset[str], by: Tree | None) -> None:
        """Note that the clock decides whether rows of these sources are there, or NULL."""
        for alias in aliases if by is not None else ():
            self.visible[alias] = _Depends(by, self.visible[alias].columns)


class _Clocks:
    """Follows the clock through a definition."""

    def __init__(self, own: list[Function], context: LintContext) -> None:
        self._own = own
        self._context = context

    def query(self, tree: Tree, ctes: _Visible, outer: _Visible) -> _Depends:
        """The parts of a query that depend on the clock.

        Args:
            ctes: the visible CTEs, by name.
            outer: the sources around it, by alias, for LATERAL and correlation.
        """
        clause = tree.args.get("with_")
        known = dict(ctes)
        for cte in clause.expressions if clause is not None else ():
            # A recursive one reads itself: what it adds to itself depends on the clock where it does anyway.
            known[cte.alias] = _renamed(self.query(cte.this, known, outer), cte.this, cte)
        if isinstance(tree, exp.Subquery):
            return self.query(tree.this, known, outer)
        if isinstance(tree, exp.SetOperation):
            return self._set_operation(tree, known, outer)
        return self._select(tree, known, outer) if isinstance(tree, exp.Select) else _Depends()

    def _set_operation(self, tree: exp.SetOperation, ctes: _Visible, outer: _Visible) -> _Depends:
        left, right = (self.query(arm, ctes, outer) for arm in (tree.left, tree.right))
        names, others = _names(tree.left), _names(tree.right)
        columns = dict(left.columns)
        for name, other in zip(names, others, strict=False):
            if other in right.columns:
                columns.setdefault(name, right.columns[other])
        rows = left.rows or right.rows
        if not isinstance(tree, exp.Union):  # a row is there or not by the values of the other arm
            rows = rows or next(iter(columns.values()), None)
        return _Depends(rows, columns)

    def _select(self, tree: exp.Select, ctes: _Visible, outer: _Visible) -> _Depends:
        sources = _Sources(ctes, dict(outer))
        from_ = tree.args.get("from_")
        rows: Tree | None = None
        if from_ is not None:
            rows = self._item(from_.this, sources)[0].rows
            for join in tree.args.get("joins") or ():
                rows = self._join(join, rows, sources)

        def of(*clauses: str) -> Tree | None:
            parts = [part for clause in clauses if (part := tree.args.get(clause)) is not None]
            return next((node for part in parts if (node := self.of(part, sources)) is not None), None)

        rows = rows or of("where", "group")
        if aggregates_all_rows(tree, tree.expressions) and not self._yields_several(tree):
            rows = None
        distinct = tree.args.get("distinct")
        chooses = distinct is not None and distinct.args.get("on") is not None
        if chooses or tree.args.get("limit") is not None or tree.args.get("offset") is not None:
            rows = rows or of("distinct", "order", "limit", "offset")
        outputs = ((output.alias_or_name, self.of(output, sources)) for output in tree.expressions)
        return _Depends(rows or of("having"), {name: node for name, node in outputs if node is not None})

    def _item(self, item: Tree, sources: _Sources) -> tuple[_Depends, frozenset[str]]:
        """Add one item of FROM with its joins; return its dependence and its aliases."""
        before = frozenset(sources.own)
        if in_parentheses(item):
            depends = _Depends(self._item(item.this, sources)[0].rows)
        else:
            depends = self._source(item, sources)
            sources.add(item.alias_or_name, depends)
        for join in item.args.get("joins") or ():
            depends = _Depends(self._join(join, depends.rows, sources), depends.columns)
        return depends, frozenset(sources.own) - before

    def _join(self, join: exp.Join, rows: Tree | None, sources: _Sources) -> Tree | None:
        """The dependence of a join's rows, given that of its left side."""
        left = frozenset(sources.own)
        depends, right = self._item(join.this, sources)
        on = join.args.get("on")
        met = depends.rows or (None if on is None else self.of(on, sources))
        match str(join.side or "").upper():
            case "LEFT":  # the row stays; whether these columns are NULL depends on the clock
                sources.taint(right, met)
                return rows
            case "RIGHT":
                sources.taint(left, met or rows)
                return depends.rows
            case "FULL":
                sources.taint(left | right, met or rows)
                return rows or depends.rows
            case _:
                return rows or met

    def _source(self, item: Tree, sources: _Sources) -> _Depends:
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            return self._view(item) if item.db else sources.ctes.get(item.name, _Depends())
        inner = item.this if isinstance(item, exp.Lateral) else item
        if isinstance(inner, exp.Subquery):
            return _renamed(self.query(inner.this, sources.ctes, sources.visible), inner.this, item)
        return _Depends(self.of(item, sources))  # a function in FROM

    def _view(self, item: exp.Table) -> _Depends:
        """A clock inside a view is reported at the place where the view is read."""
        name = TableName(item.db, item.name)
        if name not in self._context.views:
            return _Depends()
        tree = self._context.views[name]
        depends = self.query(tree, {}, {})
        names = dict(zip(_names(tree), self._context.catalogue.views[name].columns, strict=False))
        columns = {names[column]: item for column in depends.columns if column in names}
        return _renamed(
            _Depends(item if depends.rows is not None else None, dict[str, Tree](columns)), tree, item
        )

    def of(self, tree: Tree, sources: _Sources) -> Tree | None:
        """The clock on which an expression depends, including its subqueries."""
        for node in tree.walk():
            if isinstance(node, _NODES):
                return node
            if isinstance(node, exp.Anonymous) and self._is_clock(node):
                return node
            met: Tree | None = None
            if isinstance(node, exp.Column):
                met = _of_column(node, sources.visible)
            elif isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
                depends = self._view(node) if node.db else sources.ctes.get(node.name, _Depends())
                met = depends.rows or next(iter(depends.columns.values()), None)
            if met is not None:
                return met
        return None

    def _yields_several(self, tree: exp.Select) -> bool:
        """Whether one row may become several, or none: `SELECT unnest(array_agg(…))`."""
        others = {function.name for function in self._context.catalogue.functions if function.returns_set}
        return any(
            isinstance(node, exp.Anonymous) and node.name.lower() in SET_RETURNING | others
            for output in tree.expressions
            for node in expressions_without_queries(output)
        )

    def _is_clock(self, node: exp.Anonymous) -> bool:
        if any(is_call(node, function) for function in self._own):
            return True
        if isinstance(node.parent, exp.Dot):
            return False
        if node.name == "age":
            return len(node.expressions) == 1
        return node.name in CLOCKS or node.name.lower() in CLOCK_WORDS


def _of_column(node: exp.Column, visible: _Visible) -> Tree | None:
    if not node.table:  # PostgreSQL leaves the prefix out where a SELECT has one source only
        named = (depends.columns.get(node.name) for depends in visible.values())
        return next((each for each in named if each is not None), None)
    depends = visible.get(node.table, _Depends())
    whole = depends.columns.values() if isinstance(node.this, exp.Star) else ()
    return depends.rows or depends.columns.get(node.name) or next(iter(whole), None)


def _names(tree: Tree) -> list[str]:
    while isinstance(tree, (exp.Subquery, exp.SetOperation)):
        tree = tree.this
    return [output.alias_or_name for output in tree.expressions]


def _renamed(depends: _Depends, query: Tree, item: Tree) -> _Depends:
    """The columns under the names that an alias gives them."""
    alias = item.args.get("alias")
    renamed = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    if not renamed:
        return depends
    names = dict(zip(_names(query), (part.name for part in renamed), strict=False))
    return _Depends(depends.rows, {names.get(name, name): node for name, node in depends.columns.items()})
