"""FROM: tables, views, CTEs, derived tables, functions, and the joins between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from cdc_daemon.analysis.grammar.nodes import TableFunction
from cdc_daemon.analysis.model.catalogue import Table, TableName, View
from cdc_daemon.analysis.model.collations import marked, of_column
from cdc_daemon.analysis.model.dialect import Tree, column, quoted, spelled
from cdc_daemon.analysis.model.scopes import (
    QUERY,
    Body,
    OuterJoin,
    Ref,
    Scope,
    Source,
    expressions_without_queries,
    refs_of,
)
from cdc_daemon.analysis.read.conjuncts import conjunct
from cdc_daemon.analysis.read.context import Bodies, BuildContext, NotUnderstood, SelectBuilder
from cdc_daemon.analysis.read.ctes import Cte, alias_columns
from cdc_daemon.analysis.read.names import NameScope
from cdc_daemon.analysis.read.recursion import read_recursion
from cdc_daemon.errors import FeedError


@dataclass(frozen=True)
class FromPart:
    """An item of FROM, or a join of items.

    Attributes:
        uids: its sources.
        merged: the columns that USING merged in it.
    """

    uids: frozenset[str]
    merged: Mapping[str, Tree]


class FromItems:
    """Reads the FROM of the SELECTs of one definition. The items are rewritten in place.

    Args:
        bodies: reads the queries and conditions inside.
    """

    def __init__(self, context: BuildContext, bodies: Bodies) -> None:
        self._context = context
        self._bodies = bodies
        # The view whose definition is being read, and the origin by which the feed's query reads it.
        self._view: TableName | None = None
        self._read_at: int | None = None

    @property
    def in_view(self) -> bool:
        """Whether a view's definition is being read."""
        return self._view is not None

    def read(self, select: SelectBuilder, tree: exp.Select) -> None:
        """Gather the sources, joins and conditions of a SELECT's FROM."""
        from_ = tree.args.get("from_")
        if from_ is None:
            return
        part = self._item(select, from_.this)
        for join in tree.args.get("joins") or ():
            part = self._join(select, part, join)
        select.names.merged.update(part.merged)

    # Joins

    def _join(self, select: SelectBuilder, left: FromPart, join: exp.Join) -> FromPart:
        side = (join.side or "").upper()
        if join.args.get("method") or join.args.get("match_condition"):
            raise NotUnderstood("NATURAL JOIN: name the columns with USING")
        right = self._item(select, join.this)
        span = left.uids | right.uids
        outer: OuterJoin | None = None
        if side:
            nullable = {"LEFT": (False, True), "RIGHT": (True, False), "FULL": (True, True)}[side]
            outer = OuterJoin((left.uids, right.uids), nullable)
            select.joins.append(outer)
        on = join.args.get("on")
        subqueries: frozenset[str] = frozenset()
        if on is not None:
            before = set(select.sources)
            self._bodies.condition(select, on, outer, span)
            subqueries = frozenset(select.sources) - before
        if outer is not None and subqueries:
            # A subquery in ON decides what matches: it counts among the sources of each side that may be
            # NULL.
            extended = tuple(
                side | subqueries if null else side
                for side, null in zip(outer.sides, outer.nullable, strict=True)
            )
            outer.sides = (extended[0], extended[1])
        merged = {**left.merged, **right.merged}
        for name in (spelled(name) for name in join.args.get("using") or ()):
            a = self._in_part(select, left, name)
            b = self._in_part(select, right, name)
            select.used |= refs_of(a) | refs_of(b)
            equal = exp.EQ(this=a.copy(), expression=b.copy())
            select.conjuncts.extend(conjunct(equal, outer, span, select.names.types()))
            coalesce = exp.Anonymous(this="COALESCE", expressions=[a.copy(), b.copy()])
            merged[name] = coalesce if side == "FULL" else b if side == "RIGHT" else a
        return FromPart(span | subqueries, merged)

    def _in_part(self, select: SelectBuilder, part: FromPart, name: str) -> Tree:
        if name in part.merged:
            return part.merged[name]
        within = [select.sources[uid] for uid in sorted(part.uids)]
        having = [source for source in within if not source.subquery and name in source.columns]
        if len(having) != 1:
            raise select.names.unresolved(name, "USING", len(having))
        return marked(column(having[0].uid, name), of_column(having[0], name))

    # Items

    def _item(self, select: SelectBuilder, node: Tree) -> FromPart:
        joins = list(node.args.get("joins") or ())
        if isinstance(node, exp.Subquery) and not isinstance(node.this, (*QUERY, exp.Subquery, exp.Values)):
            if node.alias:
                raise NotUnderstood(
                    f"a join with an alias of its own ({node.alias}): drop it, or write a derived table"
                )
            part = self._item(select, node.this)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Subquery) and not node.alias:
            part = self._item(select, node.this)
        else:
            part = self._source(select, node)
        for join in joins:
            part = self._join(select, part, join)
        return part

    def _source(self, select: SelectBuilder, node: Tree) -> FromPart:
        alias = node.alias_or_name
        if node.args.get("sample") is not None:
            raise NotUnderstood(
                "TABLESAMPLE, which reads other rows at each run: choose them by a condition on their columns"
            )
        if (
            isinstance(node, exp.Table)
            and isinstance(node.this, exp.Identifier)
            and not node.args.get("rows_from")
        ):
            source = self._named(select, node)
        elif isinstance(node, exp.Subquery):
            # Without LATERAL a derived table doesn't see its neighbours.
            source = self._derived(select, node, node.this, select.names.around)
        elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            source = self._derived(select, node, node.this.this, select.names)
        else:
            source = self._function(select, node)
        item = source.item
        if item is None:
            raise AssertionError("an item of FROM can be read")
        names = item.args["alias"].args.get("columns") if item.args.get("alias") else None
        item.set("alias", exp.TableAlias(this=quoted(source.uid), columns=names))
        select.sources[source.uid] = source
        select.names.sources[alias] = source
        return FromPart(frozenset({source.uid}), {})

    def _named(self, select: SelectBuilder, node: exp.Table) -> Source:
        cte = select.ctes.get(node.name) if not node.db else None
        if cte is not None:
            return self._cte(select, node, cte)
        name = TableName(node.db or "pg_catalog", node.name)
        if name in self._context.catalogue.views:
            return self._viewed(node, self._context.catalogue.views[name])
        table = self._context.catalogue.tables.get(name) or self._temporary(node)
        if table is None:
            raise FeedError(
                f"the catalogue has no table {name}",
                where=f"feed {self._context.feed}",
                hint="read the catalogue again: the table was dropped or renamed a moment ago",
            )
        return self._table(node, table)

    def _temporary(self, node: exp.Table) -> Table | None:
        """A temporary table. The definition names it without its schema, because it is always visible."""
        if node.db:
            return None
        every = self._context.catalogue.tables.values()
        return next((t for t in every if t.kind == "temporary table" and t.name.name == node.name), None)

    def _table(self, node: exp.Table, table: Table) -> Source:
        renamed = alias_columns(node)
        real = list(table.columns)
        visible = (*renamed, *real[len(renamed) :])
        within = f"{self._view.name}." if self._view else ""
        return Source(
            uid=self._context.take(node.alias_or_name),
            alias=f"{within}{node.alias_or_name}",
            columns=visible,
            item=node,
            table=table,
            real=dict(zip(visible, real, strict=True)),
            origin=node.meta["origin"],
            read_at=node.meta["origin"] if self._read_at is None else self._read_at,
        )

    def _viewed(self, node: exp.Table, view: View) -> Source:
        """A view as a derived table that routes may visit by the view's name."""
        outside = self._view, self._read_at
        self._view = view.name
        self._read_at = node.meta["origin"] if self._read_at is None else self._read_at
        body = self._bodies.body(self._context.view(view), None, {})
        self._view, self._read_at = outside
        renamed = alias_columns(node)
        return Source(
            uid=self._context.take(node.alias_or_name),
            alias=node.alias_or_name,
            columns=(*renamed, *view.columns[len(renamed) :]),
            item=node,
            body=body,
        )

    def _cte(self, select: SelectBuilder, node: exp.Table, cte: Cte) -> Source:
        if cte.itself:
            renamed = alias_columns(node)
            columns = (*renamed, *cte.columns[len(renamed) :])
            return Source(
                uid=self._context.take(node.alias_or_name),
                alias=node.alias_or_name,
                columns=columns,
                item=node,
                itself=True,
                collations=dict(zip(columns, cte.collations, strict=False)),
            )
        body, query = None, cte.tree.copy()
        if cte.recursive:
            body, query = read_recursion(self._context, self._bodies, node.name, cte, select.names.around)
        derived = exp.Subquery(this=query, alias=node.args.get("alias"))
        if node.args.get("alias") is None:
            derived.set("alias", exp.TableAlias(this=node.this.copy()))
        if not alias_columns(derived) and cte.columns:
            derived.args["alias"].set("columns", [quoted(name) for name in (*cte.columns, *cte.added)])
        derived.set("joins", node.args.get("joins"))
        node.replace(derived)
        inside = SelectBuilder(select.names, cte.within)
        return self._derived(inside, derived, derived.this, select.names.around, body)

    def _derived(
        self,
        select: SelectBuilder,
        node: Tree,
        query: Tree,
        around: NameScope | None,
        body: Body | None = None,
    ) -> Source:
        if isinstance(query, exp.Values):
            return self._function(select, node)
        body = body or self._bodies.body(query, around, select.ctes)
        renamed = alias_columns(node)
        return Source(
            uid=self._context.take(node.alias_or_name),
            alias=node.alias_or_name,
            columns=(*renamed, *body.names[len(renamed) :]),
            item=node,
            body=body,
            outer=_outer(node, around),
        )

    def _function(self, select: SelectBuilder, node: Tree) -> Source:
        """A function in FROM, or VALUES. It changes only with the subqueries in its arguments."""
        inside = SelectBuilder(select.names, select.ctes)
        joins = node.args.pop("joins", None)  # read later: their ON sees more than this item does
        self._bodies.resolve(inside, node)
        node.set("joins", joins)
        names = alias_columns(node)
        values = next((at for at in expressions_without_queries(node) if isinstance(at, exp.Values)), None)
        if values is not None:
            names = (*names, *value_columns(values)[len(names) :])
        table_function = next((at for at in node.walk() if isinstance(at, TableFunction)), None)
        if table_function is not None:
            names = (*names, *table_function.args["columns"][len(names) :])
        names = names or (node.alias_or_name,)
        body = Scope(
            sources=inside.sources,
            joins=(),
            conjuncts=(),
            names=names,
            outputs=tuple(exp.Null() for _ in names),
            bindable=tuple(False for _ in names),
            used={uid: frozenset(source.columns) for uid, source in inside.sources.items()},
        )
        return Source(
            uid=self._context.take(node.alias_or_name),
            alias=node.alias_or_name,
            columns=names,
            item=node,
            body=body if inside.sources else None,
            outer=_outer(node, select.names),
        )


def value_columns(values: exp.Values) -> tuple[str, ...]:
    """The column names of VALUES."""
    first = values.expressions[0]
    width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
    return tuple(f"column{n}" for n in range(1, width + 1))


def _outer(node: Tree, names: NameScope | None) -> frozenset[Ref]:
    """The columns of visible sources that an item refers to."""
    if names is None:
        return frozenset()
    uids = names.uids()
    return frozenset(ref for ref in refs_of(node) if ref.source in uids)
