"""Which rows and columns of a query depend on the clock, from the innermost query outwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from cdc_daemon.analysis.grammar.primaries import CLOCK_WORDS as CLOCK_NODES
from cdc_daemon.analysis.lint.context import is_call
from cdc_daemon.analysis.lint.function_bodies import CLOCK_WORDS, CLOCKS
from cdc_daemon.analysis.model.catalogue import Catalogue, Function
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.scopes import (
    WHOLE_ROW,
    Body,
    Recursion,
    Scope,
    SetOperation,
    Source,
    expressions_without_queries,
    fold,
    scopes_of,
)
from cdc_daemon.analysis.read.functions import SET_RETURNING, aggregates_all_rows

_NODES = tuple(CLOCK_NODES.values())


@dataclass(frozen=True)
class Dependence:
    """The parts of a query that depend on the clock, each with the node that reads it.

    Attributes:
        rows: set if the clock decides which rows there are.
        columns: the columns whose values depend on the clock, by position.
    """

    rows: Tree | None = None
    columns: dict[int, Tree] = field(default_factory=dict[int, Tree])

    @property
    def any_column(self) -> Tree | None:
        """The node that reads the clock for some column; None if no column depends on it."""
        return next(iter(self.columns.values()), None)

    def __or__(self, other: Dependence) -> Dependence:
        return Dependence(self.rows or other.rows, {**other.columns, **self.columns})


@dataclass(frozen=True)
class _Joined:
    """A part of FROM: the clock that decides over its rows, and its sources."""

    rows: Tree | None
    uids: frozenset[str]


class Clocks:
    """Follows the clock through the scopes of a query.

    Args:
        own: the user's functions that read the clock.
        body: the whole query.
    """

    def __init__(self, own: Sequence[Function], catalogue: Catalogue, body: Body) -> None:
        self._own = own
        self._set_returning = SET_RETURNING | {f.name for f in catalogue.functions if f.returns_set}
        self._sources = {uid: source for scope in scopes_of(body) for uid, source in scope.sources.items()}
        self._known: dict[str, Dependence] = {}

    def query(self, body: Body) -> Dependence:
        """Return the parts of a query that depend on the clock."""
        return fold(body, select=self._select, arms=self._set_operation, recursion=self._recursion)

    def _set_operation(self, body: SetOperation, arms: list[Dependence]) -> Dependence:
        together = arms[0]
        for arm in arms[1:]:
            together |= arm
        # ORDER BY can name any column. Grouping sets share the LIMIT of their SELECT, which looks at its own.
        shared = any(isinstance(arm, Scope) and arm.limit is body.limit for arm in body.arms)
        if body.compares or (body.limit is not None and not shared):
            return Dependence(together.rows or together.any_column, together.columns)
        return together

    def _recursion(self, body: Recursion) -> Dependence:
        """What a step adds may depend on the clock through the rows before: each round finds more columns."""
        found = self.query(body.base)
        while True:
            self._known[body.itself] = found
            grown = found | self.query(body.step)
            if (grown.rows is None) == (found.rows is None) and grown.columns.keys() == found.columns.keys():
                return grown
            found = grown

    def _select(self, scope: Scope) -> Dependence:
        select = scope.select
        if select is None:  # VALUES
            return Dependence()
        joined = self._from(select)
        rows = joined.rows or self._clause(select, "where", "group")
        several = [output for output in scope.outputs if self._yields_several(output)]
        if aggregates_all_rows(select, scope.outputs) and not several:
            rows = None
        rows = rows or self._first(several)
        distinct = select.args.get("distinct")
        chooses = distinct is not None and distinct.args.get("on") is not None
        if chooses or scope.limit is not None:
            rows = rows or self._clause(select, "distinct", "order", "limit", "offset")
        outputs = {n: node for n, each in enumerate(scope.outputs) if (node := self._of(each)) is not None}
        return Dependence(rows or self._clause(select, "having"), outputs)

    # FROM

    def _from(self, select: exp.Select) -> _Joined:
        from_ = select.args.get("from_")
        if from_ is None:
            return _Joined(None, frozenset())
        return self._joins(self._item(from_.this), select.args.get("joins") or ())

    def _joins(self, joined: _Joined, joins: Iterable[exp.Join]) -> _Joined:
        for join in joins:
            joined = self._join(joined, join)
        return joined

    def _item(self, item: Tree) -> _Joined:
        source = self._sources.get(item.alias_or_name)
        if source is None:  # joins in parentheses
            joined = self._item(item.this)
        else:
            self._known[source.uid] = self._source(source)
            joined = _Joined(self._known[source.uid].rows, frozenset({source.uid}))
        return self._joins(joined, item.args.get("joins") or ())

    def _join(self, left: _Joined, join: exp.Join) -> _Joined:
        right = self._item(join.this)
        on = join.args.get("on")
        met = right.rows or (None if on is None else self._of(on))
        uids = left.uids | right.uids
        match str(join.side or "").upper():
            case "LEFT":  # the row stays; whether these columns are NULL depends on the clock
                self._null_extended(right.uids, met)
                return _Joined(left.rows, uids)
            case "RIGHT":
                self._null_extended(left.uids, met or left.rows)
                return _Joined(right.rows, uids)
            case "FULL":
                self._null_extended(uids, met or left.rows)
                return _Joined(left.rows or right.rows, uids)
            case _:
                return _Joined(left.rows or met, uids)

    def _null_extended(self, uids: frozenset[str], clock: Tree | None) -> None:
        """Note that the clock decides whether rows of these sources are there, or NULL."""
        for uid in uids if clock is not None else ():
            self._known[uid] = Dependence(clock, self._known[uid].columns)

    def _source(self, source: Source) -> Dependence:
        if source.itself:
            return self._known.get(source.uid, Dependence())
        if source.table is not None or source.item is None:
            return Dependence()
        if source.body is None or (isinstance(source.body, Scope) and source.body.select is None):
            return Dependence(self._of(source.item))  # a function or VALUES
        inner = self.query(source.body)
        if not isinstance(source.item, exp.Table):
            return inner
        # A clock inside a view is reported at the location where the view is read.
        rows = source.item if inner.rows is not None else None
        return Dependence(rows, dict.fromkeys(inner.columns, source.item))

    # Expressions

    def _clause(self, select: exp.Select, *names: str) -> Tree | None:
        return self._first(part for name in names if (part := select.args.get(name)) is not None)

    def _first(self, trees: Iterable[Tree]) -> Tree | None:
        return next((node for tree in trees if (node := self._of(tree)) is not None), None)

    def _of(self, tree: Tree) -> Tree | None:
        """The node by which an expression depends on the clock. Any clock in its subqueries counts."""
        for node in tree.walk():
            if isinstance(node, _NODES) or (isinstance(node, exp.Anonymous) and self._is_clock(node)):
                return node
            met: Tree | None = None
            if isinstance(node, exp.Column):
                met = self._of_column(node)
            elif isinstance(node, exp.Table) and (source := self._sources.get(node.alias)) is not None:
                depends = self._source(source)
                met = depends.rows or depends.any_column
            if met is not None:
                return met
        return None

    def _of_column(self, node: exp.Column) -> Tree | None:
        depends, source = self._known.get(node.table), self._sources.get(node.table)
        if depends is None or source is None:
            return None
        if isinstance(node.this, exp.Star) or node.name == WHOLE_ROW:
            return depends.rows or depends.any_column
        positions = (n for n, name in enumerate(source.columns) if name == node.name)
        return depends.rows or next((depends.columns[n] for n in positions if n in depends.columns), None)

    def _yields_several(self, output: Tree) -> bool:
        """Whether one row may become several, or none: `SELECT unnest(array_agg(…))`."""
        return any(
            isinstance(node, exp.Anonymous) and node.name.lower() in self._set_returning
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
