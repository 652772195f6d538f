"""Filters of capture that look at another table: which changed rows can matter while that table does not
change.

Example: attributes have other numbers in each shop, so a query reads them by name: `JOIN eav_attribute AS a
ON a.attribute_id = x.attribute_id WHERE a.attribute_code = 'url_path'`. A changed row of x without such an a
was in no result row and is in none. A route must not look at a, because a may have changed together with x
(docs/architecture.md, step 3 of the proof). If no row of a has changed since the cursor, a is as it was. Then
the delta of x is narrowed to the rows with a match; otherwise all of it is taken.

The rule of `row_filters` decides which conditions count; here it applies to both tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from cdc_daemon.analysis.capture_filters.row_filters import TYPES, keeps_out
from cdc_daemon.analysis.derive.route_builder import DELTA
from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.dialect import Tree, column, quoted, render
from cdc_daemon.analysis.model.plan import JoinFilter
from cdc_daemon.analysis.model.scopes import Conjunct, Ref, Scope, Source

_BESIDE = "beside"
_STEADY = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Cast, exp.Array, exp.Paren),
    *(exp.And, exp.Or, exp.Not, exp.Any, exp.Is, exp.Like),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE),
)
# `'today'::date` is another day when it is asked again.
_OF_THE_CLOCK = frozenset({exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ})


@dataclass(frozen=True)
class FoundFilter:
    """A filter, and the columns of the changed row that it reads."""

    filter: JoinFilter
    links: frozenset[str]


def join_filters(scope: Scope, source: Source) -> frozenset[FoundFilter]:
    """The join filters of a table in one SELECT, at most one for each other table.

    Only tables to which it refers by a unique key, and which have a condition of their own. Any other filter
    would cost a lookup and hold back hardly a row.
    """
    found = (_join_filter(scope, source, beside) for beside in scope.sources.values())
    return frozenset(each for each in found if each is not None)


def _join_filter(scope: Scope, source: Source, beside: Source) -> FoundFilter | None:
    if source.table is None or beside.table is None or beside.subquery:
        return None
    if source.table.name == beside.table.name:
        return None  # it has changed whenever the row did
    if not beside.table.watchable or beside.table.foreign_parts:
        return None  # nobody knows whether it stands still
    both = frozenset((source.uid, beside.uid))
    holding = [
        q
        for q in scope.conjuncts
        if not q.implied
        and beside.uid in q.sources
        and q.sources <= both
        and keeps_out(scope, source, q)
        and keeps_out(scope, beside, q)
        and all(_real(ref, source, beside) for ref in q.refs)
        and all(map(_steady, q.tree.walk()))
    ]
    own = [q for q in holding if q.sources == frozenset((beside.uid,))]
    links = [q for q in holding if q.equated is not None]
    known = {ref.column for q in links for ref in q.refs if ref.source == beside.uid}
    if not own or not any(
        {name for name, real in beside.real.items() if real in key} <= known
        for key in beside.table.unique_keys
    ):
        return None
    conditions = links + own
    names = {ref.column for q in links for ref in q.refs if ref.source == source.uid}
    return FoundFilter(
        JoinFilter(beside.table.name, _exists(beside.table.name, conditions, source, beside)),
        frozenset(source.real[name] for name in names),
    )


def _real(ref: Ref, source: Source, beside: Source) -> bool:
    side = source if ref.source == source.uid else beside
    name = side.real.get(ref.column)
    return name is not None and side.table is not None and not side.table.columns[name].virtual


def _steady(node: Tree) -> bool:
    """Whether a node of a condition means the same at any time: no call, no clock."""
    if isinstance(node, exp.Anonymous):
        return node.name.upper() == "ALL"
    if isinstance(node, exp.DataType):
        return node.this is exp.DType.ARRAY or (node.this in TYPES and node.this not in _OF_THE_CLOCK)
    return isinstance(node, _STEADY)


def _exists(table: TableName, conditions: Sequence[Conjunct], source: Source, beside: Source) -> str:
    item = exp.Table(
        this=quoted(table.name), db=quoted(table.schema), alias=exp.TableAlias(this=quoted(_BESIDE))
    )
    where: Tree | None = None
    for q in conditions:
        condition = exp.Paren(this=_pointed(q.tree.copy(), source, beside))
        where = condition if where is None else exp.And(this=where, expression=condition)
    select = exp.Select(from_=exp.From(this=item), where=exp.Where(this=where))
    return render(exp.Exists(this=select))


def _pointed(tree: Tree, source: Source, beside: Source) -> Tree:
    """A condition with the names that the delta and the table have here."""

    def pointed(node: Tree) -> Tree:
        if not isinstance(node, exp.Column):
            return node
        if node.table == source.uid:
            return column(DELTA, source.real[node.name])
        return column(_BESIDE, beside.real[node.name])

    return tree.transform(pointed, copy=False)
