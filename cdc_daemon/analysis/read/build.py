"""From the parsed definition to scopes: every name is resolved, every subquery gets a scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp

from cdc_daemon.analysis.model.dialect import Tree, render, spelled
from cdc_daemon.analysis.model.scopes import (
    QUERY,
    WHOLE_ROW,
    Body,
    Construct,
    Membership,
    OuterJoin,
    Ref,
    Scope,
    SetOperation,
    Source,
    expressions_without_queries,
    refs_of,
)
from cdc_daemon.analysis.read.conjuncts import conjunct, conjuncts_of, mark_comparisons, reduce_outer_joins
from cdc_daemon.analysis.read.context import BuildContext, NotUnderstood, SelectBuilder
from cdc_daemon.analysis.read.ctes import Cte, declared
from cdc_daemon.analysis.read.from_items import FromItems, value_columns
from cdc_daemon.analysis.read.grouping_sets import grouping_sets, variants
from cdc_daemon.analysis.read.keys import implied
from cdc_daemon.analysis.read.names import NameScope
from cdc_daemon.analysis.read.nullability import make_strict
from cdc_daemon.analysis.read.select_list_functions import beside_from, set_in_select_list
from cdc_daemon.analysis.read.subqueries import chosen_by, compare
from cdc_daemon.analysis.read.unnest_membership import elements
from cdc_daemon.analysis.read.whole_rows import equal_columns


class Builder:
    """Builds the scopes of one definition. The tree is rewritten in place."""

    def __init__(self, context: BuildContext) -> None:
        self._context = context
        self._from = FromItems(context, self)

    def build(self, tree: exp.Query) -> Body:
        """The scopes of a whole definition.

        Raises:
            FeedError: a table or column can't be resolved.
            NotUnderstood: the analysis does not support a construct.
        """
        self._context.number(tree)
        return self.body(tree, None, {})

    def body(self, tree: Tree, around: NameScope | None, ctes: Mapping[str, Cte]) -> Body:
        """The scopes of a query.

        Args:
            around: the names of the queries around it.
            ctes: the names that WITH declares around it.
        """
        ctes = declared(tree, ctes)
        if isinstance(tree, exp.Subquery):
            body = self.body(tree.this, around, ctes)
            limit = self._limit(tree)
            return body if limit is None else SetOperation((body,), body.names, limit, distinct=False)
        if isinstance(tree, exp.SetOperation):
            left = self.body(tree.left, around, ctes)
            right = self.body(tree.right, around, ctes)
            compares = not isinstance(tree, exp.Union)
            each_once = bool(tree.args.get("distinct"))
            return SetOperation(
                (left, right), left.names, self._limit(tree), compares or each_once, each_once, compares
            )
        if isinstance(tree, exp.Select):
            return self._select(tree, around, ctes)
        if isinstance(tree, exp.Values):
            return self._values(tree, around, ctes)
        raise NotUnderstood(f"{tree.key.upper()} where a SELECT is expected")

    def _values(self, tree: exp.Values, around: NameScope | None, ctes: Mapping[str, Cte]) -> Scope:
        """VALUES as a query. Its rows change only with the subqueries in them."""
        select = SelectBuilder(NameScope(self._context.feed, around), ctes)
        self.resolve(select, tree)
        names = value_columns(tree)
        return Scope(
            sources=select.sources,
            joins=(),
            conjuncts=(),
            names=names,
            outputs=tuple(exp.Null() for _ in names),
            bindable=tuple(False for _ in names),
            used={uid: frozenset(source.columns) for uid, source in select.sources.items()},
        )

    def _select(self, tree: exp.Select, around: NameScope | None, ctes: Mapping[str, Cte]) -> Body:
        self._context.count_select()
        select = SelectBuilder(NameScope(self._context.feed, around), ctes)
        names = tuple(output.alias_or_name for output in tree.expressions)  # before columns are replaced
        self._from.read(select, tree)
        where = tree.args.get("where")
        if where is not None:
            self.condition(select, where.this, None, None)
        rows = frozenset(select.sources)
        clauses = ("group", "having", "order", "distinct", "limit", "offset")
        parts: list[Any] = [*tree.expressions, *(tree.args.get("windows") or ())]
        for part in [*parts, *(tree.args.get(clause) for clause in clauses)]:
            if isinstance(part, exp.Expr):
                self.resolve(select, part)
        several = set_in_select_list(tree, self._context.functions, select.sources)
        if several is not None:
            uid = self._context.take("each")
            select.sources[uid] = beside_from(tree, several, uid, select.names.uids())
        group = tree.args.get("group")
        distinct = tree.args.get("distinct")
        partitions = list(self._partitions(tree))
        distinct_on_after_windows = False
        if distinct is not None and distinct.args.get("on") is not None:
            distinct_on_after_windows = bool(partitions)
            partitions.append(self._distinct_on(tuple(distinct.args["on"].expressions)))
        outputs = tuple(
            output.this if isinstance(output, exp.Alias) else output for output in tree.expressions
        )
        used = select.used | refs_of(tree)
        make_strict(select.conjuncts, select.sources, select.joins)
        columns = {uid: _used(source, used) for uid, source in select.sources.items()}
        for q in list(implied(select.sources, select.conjuncts, columns)):
            select.conjuncts.append(q)
            for ref in q.refs:
                columns[ref.source] |= {ref.column}
        select.conjuncts.extend(list(elements(select.sources, select.conjuncts, self._context.take)))
        joins = reduce_outer_joins(select.joins, select.conjuncts)
        for source in select.sources.values():
            source.join = source.join if source.join in joins else None
        scope = Scope(
            sources=select.sources,
            joins=joins,
            conjuncts=select.conjuncts,
            names=names,
            outputs=outputs,
            bindable=tuple(self._context.functions.of_one_row(output) for output in outputs),
            partitions=[keys for keys, _ in partitions],
            windows=[window for _, window in partitions],
            distinct_on_after_windows=distinct_on_after_windows,
            limit=self._limit(tree),
            grouped=group is not None or distinct is not None,
            used=columns,
            select=tree,
            subquery_equalities=select.subquery_equalities,
        )
        sets = grouping_sets(group)
        if sets is None:
            return scope
        return variants(scope, sets, self._context.functions, frozenset(select.sources) - rows)

    # Expressions

    def condition(
        self, select: SelectBuilder, tree: Tree, join: OuterJoin | None, span: frozenset[str] | None
    ) -> None:
        """Read a WHERE or ON. A part that is a function of one row becomes a conjunct."""
        for part in conjuncts_of(tree):
            self.resolve(select, part, root=part, join=join)
            if self._context.functions.of_one_row(part):
                types = select.names.types()
                mark_comparisons(part, types)
                select.conjuncts.extend(conjunct(part, join, span, types))
                select.conjuncts.extend(equal_columns(part, select.names, join, span, types))
                continue
            chosen = chosen_by(part, select.sources, self._context.functions, join, span)
            if chosen is not None:
                select.subquery_equalities.append(chosen)

    def resolve(
        self,
        select: SelectBuilder,
        tree: Tree,
        *,
        root: Tree | None = None,
        join: OuterJoin | None = None,
    ) -> None:
        """Point the columns of an expression at their sources, and read its subqueries.

        Args:
            root: the condition, if the expression is one.
            join: the outer join whose ON holds it.
        """
        for node in list(expressions_without_queries(tree)):
            if isinstance(node, exp.Column):
                select.names.resolve(node)
        for node in list(expressions_without_queries(tree)):
            if isinstance(node, QUERY):
                body = self.body(node, select.names, select.ctes)
                source = Source(
                    uid=self._context.take("subquery"),
                    alias="subquery",
                    columns=body.names,
                    body=body,
                    outer=frozenset(ref for ref in refs_of(node) if ref.source in select.names.uids()),
                    join=join,
                    query=node,
                )
                compare(source, node, root)
                select.sources[source.uid] = source

    # Constructs that let a row change others

    def _partitions(self, tree: exp.Select) -> Iterator[tuple[tuple[Tree, ...], Construct]]:
        """Yield the partition keys and the construct of each window."""
        named = {window.name: window for window in tree.args.get("windows") or ()}
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
                yield keys, self._window(node, keys)

    def _window(self, window: exp.Window, keys: tuple[Tree, ...]) -> Construct:
        call = window.this if isinstance(window.this, exp.Anonymous) else window.this.find(exp.Anonymous)
        name = f"{call.name}()" if call is not None else "a function"
        if not keys:
            return Construct(
                f"the window of {name}",
                "has no PARTITION BY, so a row may change every other: PARTITION BY a column that the entity "
                "determines",
                self._here(call),
            )
        return Construct(
            f"the window of {name}",
            f"lets a row change every row of its partition by {_listed(keys)}, from which nothing leads to "
            "the entity: PARTITION BY a column that it determines",
            self._here(call),
        )

    def _distinct_on(self, keys: tuple[Tree, ...]) -> tuple[tuple[Tree, ...], Construct]:
        return keys, Construct(
            f"DISTINCT ON ({_listed(keys)})",
            "lets a row change every row of its set, from which nothing leads to the entity: DISTINCT ON a "
            "column that it determines",
            self._here(keys[0]),
            ("distinct",),
        )

    def _limit(self, tree: Tree) -> Construct | None:
        limit, offset = tree.args.get("limit"), tree.args.get("offset")
        if limit is None and offset is None:
            return None
        return Construct(
            "LIMIT" if limit is not None else "OFFSET",
            "lets any row come or go with any other: take the first rows of each entity in a LATERAL "
            "subquery that names it",
            self._here(offset if limit is None else limit),
            ("offset",) if limit is None else ("limit", "fetch"),
        )

    def _here(self, node: Tree | None) -> Tree | None:
        """The node by which the user's text is searched; None inside a view, whose text is another."""
        return None if self._from.in_view else node


def _listed(keys: Sequence[Tree]) -> str:
    return ", ".join(render(key.unnest()) for key in keys)


def _used(source: Source, used: set[Ref] | frozenset[Ref]) -> frozenset[str]:
    named = {ref.column for ref in used if ref.source == source.uid}
    if WHOLE_ROW in named:
        return frozenset(source.columns) | {WHOLE_ROW}
    return frozenset(source.columns) if source.membership is not Membership.NONE else frozenset(named)
