"""From the parsed definition to scopes: every name is resolved, every subquery gets a scope of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from cdc_daemon.analysis.catalogue import Catalogue, TableName
from cdc_daemon.analysis.conjuncts import conjunct, conjuncts_of, reduce_outer_joins
from cdc_daemon.analysis.dialect import Tree, column, quoted, spelled
from cdc_daemon.analysis.functions import Functions
from cdc_daemon.analysis.names import Sight
from cdc_daemon.analysis.scopes import (
    WHOLE_ROW,
    Body,
    Conjunct,
    Membership,
    OuterJoin,
    Ref,
    Scope,
    SetOperation,
    Source,
    expressions_without_queries,
    refs_of,
)
from cdc_daemon.errors import FeedError

QUERY = (exp.Select, exp.SetOperation)


class NotUnderstood(Exception):
    """The query holds a construct that no precise route is derived for; `str()` names it and the remedy."""


@dataclass
class _Cte:
    tree: Tree
    columns: tuple[str, ...]
    within: Mapping[str, _Cte]


@dataclass
class _Select:
    """What is gathered about one SELECT while it is read."""

    sight: Sight
    ctes: Mapping[str, _Cte]
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    joins: list[OuterJoin] = field(default_factory=list[OuterJoin])
    conjuncts: list[Conjunct] = field(default_factory=list[Conjunct])
    used: set[Ref] = field(default_factory=set[Ref])


@dataclass(frozen=True)
class _Arm:
    """An item of FROM: its sources, and the columns that USING merged in it."""

    uids: frozenset[str]
    merged: Mapping[str, Tree]


class Builder:
    """Builds the scopes of one definition; its tree is rewritten in place.

    Args:
        feed: its name, for errors.
        catalogue: must hold every table that the definition reads.
        functions: tells aggregates and set-returning functions.
    """

    def __init__(self, feed: str, catalogue: Catalogue, functions: Functions) -> None:
        self._feed = feed
        self._catalogue = catalogue
        self._functions = functions
        self._taken: set[str] = {"delta"}

    def build(self, tree: exp.Query) -> Body:
        """The body of a whole definition.

        Raises:
            FeedError: a table or column can't be resolved.
            NotUnderstood: a construct is beyond this analysis.
        """
        for number, node in enumerate(tree.find_all(exp.Table)):
            node.meta["origin"] = number
        return self._body(tree, None, {})

    def _body(self, tree: Tree, around: Sight | None, ctes: Mapping[str, _Cte]) -> Body:
        ctes = self._with(tree, ctes)
        if isinstance(tree, exp.Subquery):
            body = self._body(tree.this, around, ctes)
            if _limited(tree):
                return SetOperation((body,), body.names, limited=True, distinct=False)
            return body
        if isinstance(tree, exp.SetOperation):
            left = self._body(tree.left, around, ctes)
            right = self._body(tree.right, around, ctes)
            distinct = not isinstance(tree, exp.Union) or bool(tree.args.get("distinct"))
            return SetOperation((left, right), left.names, _limited(tree), distinct)
        if isinstance(tree, exp.Select):
            return self._select(tree, around, ctes)
        raise NotUnderstood(f"{tree.key.upper()} where a SELECT is expected")

    def _with(self, tree: Tree, ctes: Mapping[str, _Cte]) -> Mapping[str, _Cte]:
        """CTEs become derived tables where they are read: then they need no rules of their own."""
        clause = tree.args.get("with_")
        if clause is None:
            return ctes
        known = dict(ctes)
        for cte in clause.expressions:
            name = cte.alias
            if clause.args.get("recursive") and any(
                table.name == name and not table.db for table in cte.this.find_all(exp.Table)
            ):
                raise NotUnderstood(f"WITH RECURSIVE {name}: a recursive query; keep its closure in a table")
            known[name] = _Cte(cte.this, _alias_columns(cte), dict(known))
        tree.set("with_", None)
        return known

    def _select(self, tree: exp.Select, around: Sight | None, ctes: Mapping[str, _Cte]) -> Scope:
        select = _Select(Sight(self._feed, around), ctes)
        names = tuple(output.alias_or_name for output in tree.expressions)  # before columns are replaced
        from_ = tree.args.get("from_")
        if from_ is not None:
            arm = self._item(select, from_.this)
            for join in tree.args.get("joins") or ():
                arm = self._join(select, arm, join)
            select.sight.merged.update(arm.merged)
        where = tree.args.get("where")
        if where is not None:
            self._condition(select, where.this, None, None)
        clauses = ("group", "having", "order", "distinct", "limit", "offset")
        parts: list[Any] = [*tree.expressions, *(tree.args.get("windows") or ())]
        for part in [*parts, *(tree.args.get(clause) for clause in clauses)]:
            if isinstance(part, exp.Expr):
                self._resolve(select, part)
        group = tree.args.get("group")
        if group is not None and any(
            isinstance(key, (exp.GroupingSets, exp.Rollup, exp.Cube)) for key in group.expressions
        ):
            raise NotUnderstood(
                "GROUPING SETS, ROLLUP or CUBE: write one SELECT per set, joined by UNION ALL"
            )
        distinct = tree.args.get("distinct")
        keys = self._partitions(tree)
        chained = False
        if distinct is not None and distinct.args.get("on") is not None:
            chained = bool(keys)
            keys.append(tuple(distinct.args["on"].expressions))
        outputs = tuple(
            output.this if isinstance(output, exp.Alias) else output for output in tree.expressions
        )
        used = select.used | refs_of(tree)
        joins = reduce_outer_joins(select.joins, select.conjuncts)
        for source in select.sources.values():
            source.join = source.join if source.join in joins else None
        return Scope(
            sources=select.sources,
            joins=joins,
            conjuncts=select.conjuncts,
            names=names,
            outputs=outputs,
            bindable=tuple(self._functions.of_one_row(output) for output in outputs),
            siblings=keys,
            chained=chained,
            limited=_limited(tree),
            grouped=group is not None or distinct is not None,
            used={uid: self._used(source, used) for uid, source in select.sources.items()},
        )

    def _used(self, source: Source, used: set[Ref] | frozenset[Ref]) -> frozenset[str]:
        named = {ref.column for ref in used if ref.source == source.uid}
        if WHOLE_ROW in named:
            return frozenset(source.columns) | {WHOLE_ROW}
        return frozenset(source.columns) if source.membership is not Membership.NONE else frozenset(named)

    def _partitions(self, tree: exp.Select) -> list[tuple[Tree, ...]]:
        named = {window.name: window for window in tree.args.get("windows") or ()}
        partitions: list[tuple[Tree, ...]] = []
        for part in [*tree.expressions, tree.args.get("order"), tree.args.get("distinct")]:
            if part is None:
                continue
            for node in expressions_without_queries(part):
                if not isinstance(node, exp.Window):
                    continue
                keys = tuple(node.args.get("partition_by") or ())
                at = node.args.get("alias")
                while at is not None:  # OVER w, or a window that builds on another
                    window = named[spelled(at)]
                    keys = tuple(window.args.get("partition_by") or ()) or keys
                    at = window.args.get("alias")
                partitions.append(keys)
        return partitions

    # FROM

    def _join(self, select: _Select, left: _Arm, join: exp.Join) -> _Arm:
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
            self._condition(select, on, outer, span)
            subqueries = frozenset(select.sources) - before
        if outer is not None and subqueries:
            # A subquery in ON decides what matches: it counts among the sources of the side that may be NULL.
            arms = tuple(
                side | subqueries if null else side
                for side, null in zip(outer.sides, outer.nullable, strict=True)
            )
            outer.sides = (arms[0], arms[1])
        merged = {**left.merged, **right.merged}
        for name in (spelled(part) for part in join.args.get("using") or ()):
            a = self._in_arm(select, left, name)
            b = self._in_arm(select, right, name)
            select.used |= refs_of(a) | refs_of(b)
            equal = exp.EQ(this=a.copy(), expression=b.copy())
            select.conjuncts.extend(conjunct(equal, outer, span, select.sight.types()))
            coalesce = exp.Anonymous(this="COALESCE", expressions=[a.copy(), b.copy()])
            merged[name] = coalesce if side == "FULL" else b if side == "RIGHT" else a
        return _Arm(span | subqueries, merged)

    def _in_arm(self, select: _Select, arm: _Arm, name: str) -> Tree:
        if name in arm.merged:
            return arm.merged[name]
        arms = [select.sources[uid] for uid in sorted(arm.uids)]
        having = [source.uid for source in arms if not source.subquery and name in source.columns]
        if len(having) != 1:
            raise select.sight.unresolved(name, "USING", len(having))
        return column(having[0], name)

    def _item(self, select: _Select, node: Tree) -> _Arm:
        joins = list(node.args.get("joins") or ())
        if isinstance(node, exp.Subquery) and not isinstance(node.this, (*QUERY, exp.Subquery, exp.Values)):
            arm = self._parenthesised(select, node)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Subquery) and not node.alias:
            arm = self._item(select, node.this)
        else:
            arm = self._source(select, node)
        for join in joins:
            arm = self._join(select, arm, join)
        return arm

    def _parenthesised(self, select: _Select, node: exp.Subquery) -> _Arm:
        if node.alias:
            raise NotUnderstood(
                f"a join with an alias of its own ({node.alias}): drop it, or write a derived table"
            )
        return self._item(select, node.this)

    def _source(self, select: _Select, node: Tree) -> _Arm:
        alias = node.alias_or_name
        if node.args.get("sample") is not None:
            raise NotUnderstood("TABLESAMPLE: each run would read other rows")
        if (
            isinstance(node, exp.Table)
            and isinstance(node.this, exp.Identifier)
            and not node.args.get("rows_from")
        ):
            cte = select.ctes.get(node.name) if not node.db else None
            source = self._cte(select, node, cte) if cte else self._table(node)
        elif isinstance(node, exp.Subquery):
            # Without LATERAL a derived table doesn't see its neighbours.
            source = self._derived(select, node, node.this, select.sight.around)
        elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            source = self._derived(select, node, node.this.this, select.sight)
        else:
            source = self._function(select, node)
        item = source.item
        if item is None:
            raise AssertionError("an item of FROM can be read")
        names = item.args["alias"].args.get("columns") if item.args.get("alias") else None
        item.set("alias", exp.TableAlias(this=quoted(source.uid), columns=names))
        select.sources[source.uid] = source
        select.sight.sources[alias] = source
        return _Arm(frozenset({source.uid}), {})

    def _table(self, node: exp.Table) -> Source:
        name = TableName(node.db or "pg_catalog", node.name)
        table = self._catalogue.tables.get(name)
        if table is None:
            raise FeedError(
                f"the catalogue has no table {name}",
                where=f"feed {self._feed}",
                hint="read the catalogue again: the table was dropped or renamed a moment ago",
            )
        renamed = _alias_columns(node)
        real = list(table.columns)
        visible = (*renamed, *real[len(renamed) :])
        return Source(
            uid=self._take(node.alias_or_name),
            alias=node.alias_or_name,
            columns=visible,
            item=node,
            table=table,
            real=dict(zip(visible, real, strict=True)),
            origin=node.meta["origin"],
        )

    def _cte(self, select: _Select, node: exp.Table, cte: _Cte) -> Source:
        derived = exp.Subquery(this=cte.tree.copy(), alias=node.args.get("alias"))
        if node.args.get("alias") is None:
            derived.set("alias", exp.TableAlias(this=node.this.copy()))
        if not _alias_columns(derived) and cte.columns:
            derived.args["alias"].set("columns", [quoted(name) for name in cte.columns])
        derived.set("joins", node.args.get("joins"))
        node.replace(derived)
        return self._derived(_Select(select.sight, cte.within), derived, derived.this, select.sight.around)

    def _derived(self, select: _Select, node: Tree, query: Tree, around: Sight | None) -> Source:
        if isinstance(query, exp.Values):
            return self._function(select, node)
        body = self._body(query, around, select.ctes)
        renamed = _alias_columns(node)
        return Source(
            uid=self._take(node.alias_or_name),
            alias=node.alias_or_name,
            columns=(*renamed, *body.names[len(renamed) :]),
            item=node,
            body=body,
            outer=self._outer(node, around),
        )

    def _function(self, select: _Select, node: Tree) -> Source:
        for inner in list(expressions_without_queries(node)):
            if isinstance(inner, QUERY):
                raise NotUnderstood(
                    "a subquery in the arguments of a function in FROM: make it a LATERAL join"
                )
            if isinstance(inner, exp.Column):
                select.sight.resolve(inner)
        names = _alias_columns(node)
        ordinality = node.find(exp.Unnest)
        offset = ordinality.args.get("offset") if ordinality is not None else None
        if isinstance(offset, exp.Identifier):
            names = (*names, offset.name)
        return Source(
            uid=self._take(node.alias_or_name),
            alias=node.alias_or_name,
            columns=names or (node.alias_or_name,),
            item=node,
            outer=self._outer(node, select.sight),
        )

    def _outer(self, node: Tree, sight: Sight | None) -> frozenset[Ref]:
        if sight is None:
            return frozenset()
        uids = sight.uids()
        return frozenset(ref for ref in refs_of(node) if ref.source in uids)

    # Expressions

    def _condition(
        self, select: _Select, tree: Tree, join: OuterJoin | None, span: frozenset[str] | None
    ) -> None:
        for part in conjuncts_of(tree):
            self._resolve(select, part, root=part, join=join)
            if self._functions.of_one_row(part):
                select.conjuncts.extend(conjunct(part, join, span, select.sight.types()))

    def _resolve(
        self,
        select: _Select,
        tree: Tree,
        *,
        root: Tree | None = None,
        join: OuterJoin | None = None,
    ) -> None:
        for node in list(expressions_without_queries(tree)):
            if isinstance(node, exp.Column):
                select.sight.resolve(node)
        for node in list(expressions_without_queries(tree)):
            if isinstance(node, QUERY):
                if join is not None and join.nullable == (True, True):
                    raise NotUnderstood("a subquery in the ON of a FULL JOIN: join a derived table instead")
                source = self._subquery(select, node, root)
                source.join = join
                select.sources[source.uid] = source

    def _subquery(self, select: _Select, node: Tree, root: Tree | None) -> Source:
        body = self._body(node, select.sight, select.ctes)
        source = Source(
            uid=self._take("subquery"),
            alias="subquery",
            columns=body.names,
            body=body,
            outer=self._outer(node, select.sight),
        )
        at: Tree = node
        quantified: Tree | None = None
        while isinstance(at.parent, (exp.Subquery, exp.Paren, exp.Any, exp.All)):
            at = at.parent
            quantified = at if isinstance(at, (exp.Any, exp.All)) else quantified
        test = at.parent
        compares = (isinstance(test, exp.In) and test.args.get("query") is at) or (
            test is not None
            and test.args.get("expression") is at
            and (
                (isinstance(test, exp.EQ) and isinstance(quantified, exp.Any))
                or (isinstance(test, exp.NEQ) and isinstance(quantified, exp.All))
            )
        )
        if test is None or not compares:
            return source
        left = row(test.this)
        if len(left) != len(source.columns):
            return source
        positive = not isinstance(test, exp.NEQ)
        up: Tree = test
        while positive and up is not root:
            positive = root is not None and isinstance(up.parent, (exp.And, exp.Or, exp.Paren))
            up = up.parent or up
        source.left = left
        source.membership = Membership.POSITIVE if positive else Membership.EXACT
        return source

    def _take(self, alias: str) -> str:
        uid, number = alias, 1
        while uid in self._taken:
            number += 1
            uid = f"{alias}_{number}"
        self._taken.add(uid)
        return uid


def row(tree: Tree) -> tuple[Tree, ...]:
    """The members of a row constructor; any other expression is a row of one."""
    tree = tree.unnest()
    if isinstance(tree, exp.Tuple) or (isinstance(tree, exp.Anonymous) and tree.name.lower() == "row"):
        return tuple(tree.expressions)
    return (tree,)


def _limited(tree: Tree) -> bool:
    return tree.args.get("limit") is not None or tree.args.get("offset") is not None


def _alias_columns(node: Tree) -> tuple[str, ...]:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    return tuple(part.name for part in columns or ())
