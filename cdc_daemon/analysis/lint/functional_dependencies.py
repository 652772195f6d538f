"""Functional dependencies: the columns that are the same in all rows that agree in some others.

The closure over one SELECT uses unique keys of the catalogue, equalities of the query, and the columns that
derived tables and functions in FROM yield at most once. Source: Armstrong's axioms, with the algorithm of
Beeri and Bernstein, "Computational problems related to the design of normal form relational schemas" (1979).
Columns of outer queries count as known, because there is one outer row at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from cdc_daemon.analysis.model.collations import FOLDING, collations_of
from cdc_daemon.analysis.model.dialect import Tree, render
from cdc_daemon.analysis.model.scopes import (
    WHOLE_ROW,
    Body,
    Conjunct,
    Ref,
    Scope,
    SetOperation,
    Source,
    expressions_without_queries,
    fold,
    joined,
    refs_of,
)
from cdc_daemon.analysis.read.functions import SET_RETURNING, aggregates_all_rows

# Types of which a cast to text or to a wider number keeps different values different.
_KEPT_APART = frozenset({"smallint", "integer", "bigint", "oid", "uuid", "boolean"})
# Functions in FROM whose first column is unique.
_KEYED = frozenset({"jsonb_each", "jsonb_each_text", "jsonb_object_keys", "generate_series"})


def determined(scope: Scope, keys: Iterable[Tree]) -> frozenset[Ref]:
    """The columns of a SELECT that are the same in all rows with the same values of some expressions."""
    return _closure(scope, frozenset(ref for key in keys if (ref := _column(scope, key)) is not None))


def group_keys(select: exp.Select) -> list[Tree]:
    """The expressions of GROUP BY."""
    group = select.args.get("group")
    return list(group.expressions) if group is not None else []


def _column(scope: Scope, key: Tree) -> Ref | None:
    """The column whose value an expression reveals."""
    key = key.unnest()
    inner = key
    while isinstance(inner, exp.Cast):
        inner = inner.this.unnest()
    if not isinstance(inner, exp.Column) or isinstance(inner.this, exp.Star):
        return None
    source = scope.sources.get(inner.table)
    if inner is not key:
        table = source.table if source is not None else None
        if table is None or source is None or table.columns[source.real[inner.name]].type not in _KEPT_APART:
            return None
    return Ref(inner.table, inner.name)


def _closure(scope: Scope, known: frozenset[Ref]) -> frozenset[Ref]:
    before: frozenset[Ref] | None = None
    while known != before:
        before = known
        for q in scope.conjuncts:
            known |= _equated(scope, q, known)
        for source in scope.sources.values():
            known |= _of_source(scope, source, known)
    return known


def _inside(scope: Scope, refs: Iterable[Ref]) -> frozenset[Ref]:
    return frozenset(ref for ref in refs if ref.source in scope.sources)


def _equated(scope: Scope, q: Conjunct, known: frozenset[Ref]) -> frozenset[Ref]:
    """The column that an equality with a known one fixes, or makes NULL on the far side of an outer join."""
    found: set[Ref] = set()
    if q.sides is None or FOLDING in collations_of(q.tree):  # equal values may have different bytes
        return frozenset()
    for this, other in ((q.sides[0], q.sides[1]), (q.sides[1], q.sides[0])):
        column = this.column
        if column is None or column.source not in scope.sources or column in known:
            continue
        if q.join is not None:
            sides = zip(q.join.nullable, q.join.sides, strict=True)
            far = any(null and column.source in side for null, side in sides)
            if not far or q.join.nullable == (True, True):
                continue
        if _inside(scope, other.refs) <= known:
            found.add(column)
    return frozenset(found)


def _of_source(scope: Scope, source: Source, known: frozenset[Ref]) -> frozenset[Ref]:
    """The columns of a source that its known columns determine."""
    mine = frozenset(ref.column for ref in known if ref.source == source.uid)
    found: set[str] = set()
    if source.table is not None:
        if any(key <= mine for key in keys_of_table(source)):
            found.update(source.columns)
    elif _inside(scope, source.outer) <= known:
        if source.body is not None:
            positions = frozenset(n for n, name in enumerate(source.columns) if name in mine)
            found.update(
                source.columns[n] for n in _outputs(source.body, positions) if n < len(source.columns)
            )
        elif source.item is not None and unique_columns(source.item, source.columns) & mine:
            found.update(source.columns)
    if set(source.columns) <= mine | found:
        found.add(WHOLE_ROW)
    return frozenset(Ref(source.uid, name) for name in found)


def keys_of_table(source: Source) -> Iterator[frozenset[str]]:
    """The unique keys, without NULLs, of the table that a source reads, by the names of its columns."""
    table, visible = source.table, {real: name for name, real in source.real.items()}
    if table is None:
        return
    for key in (table.primary_key, *table.unique_keys):
        without_null = key == table.primary_key or all(table.columns[name].not_null for name in key)
        if key and without_null and visible.keys() >= set(key):
            yield frozenset(visible[name] for name in key)


def unique_columns(item: Tree, columns: tuple[str, ...]) -> set[str]:
    """The columns of a function or VALUES in FROM that are unique."""
    found = set[str]()
    if item.args.get("ordinality"):
        found.add(columns[-1])
    called = item.find(exp.Anonymous)
    if called is not None and called.name.lower() in _KEYED:
        found.add(columns[0])
    values = item if isinstance(item, exp.Values) else item.this
    if isinstance(values, exp.Values):
        rows = [row.expressions for row in values.expressions]
        for n, name in enumerate(columns):
            cells = [render(row[n]) for row in rows if n < len(row)]
            if len(set(cells)) == len(rows) and all(isinstance(row[n].unnest(), exp.Literal) for row in rows):
                found.add(name)
    return found


def _outputs(body: Body, known: frozenset[int]) -> frozenset[int]:
    """The outputs of a query that some of its outputs determine."""
    everything = frozenset(range(len(body.names)))
    if not isinstance(body, Scope):
        tagged = isinstance(body, SetOperation) and has_discriminator(body, known)
        return everything if tagged or (body.distinct and known == everything) else known
    if body.select is None or yields_several(body.outputs):
        return known
    distinct = body.select.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is None and known == everything:
        return everything
    inside = determined(body, (body.outputs[n] for n in known))
    groups = group_keys(body.select)
    chosen: list[Tree] = []
    if distinct is not None and distinct.args.get("on") is not None:
        chosen = distinct.args["on"].expressions
    for keys in (groups, chosen):
        if keys and all(_inside(body, refs_of(key)) <= inside for key in keys):
            return everything
    if not groups and (yields_one_row(body, body.select) or _covered(body, inside)):
        return everything
    return known | frozenset(
        n
        for n in everything
        if body.bindable[n] and not groups and _inside(body, refs_of(body.outputs[n])) <= inside
    )


def yields_one_row(scope: Scope, select: exp.Select) -> bool:
    """Whether a SELECT yields at most one row: an aggregate without groups, or LIMIT 1."""
    limit = select.args.get("limit")
    count = limit.args.get("expression") or limit.args.get("count") if limit is not None else None
    if isinstance(count, exp.Literal) and count.name == "1":
        return True
    return aggregates_all_rows(select, scope.outputs)


def _covered(scope: Scope, inside: frozenset[Ref]) -> bool:
    """Whether each row of FROM is determined in the columns that the SELECT uses."""
    return all(
        source.subquery or frozenset(Ref(source.uid, name) for name in scope.used[source.uid]) <= inside
        for source in scope.sources.values()
    ) and not any(
        isinstance(node, exp.Window)
        for output in scope.outputs
        for node in expressions_without_queries(output)
    )


def yields_several(outputs: Iterable[Tree]) -> bool:
    """Whether one row of FROM may yield several rows."""
    return any(
        isinstance(node, exp.Anonymous) and node.name.lower() in SET_RETURNING
        for output in outputs
        for node in expressions_without_queries(output)
    )


def has_discriminator(union: SetOperation, known: frozenset[int]) -> bool:
    """Whether known outputs determine the rows of each arm, and one of them is a different constant in each
    arm.
    """
    arms = list(arms_of(union))
    everything = frozenset(range(len(union.names)))
    if union.limit is not None or not all(
        isinstance(arm, Scope) and _outputs(arm, known) == everything for arm in arms
    ):
        return False
    for n in known:
        outputs = [arm.outputs[n] for arm in arms if isinstance(arm, Scope)]
        if all(map(_constant, outputs)) and len(set(map(render, outputs))) == len(arms):
            return True
    return False


def arms_of(body: Body) -> Iterator[Body]:
    """The arms of nested set operations, each a SELECT or a recursion."""
    return fold(body, select=_alone, arms=joined, recursion=_alone)


def _alone(body: Body) -> Iterator[Body]:
    yield body


def _constant(tree: Tree) -> bool:
    tree = tree.unnest()
    while isinstance(tree, exp.Cast):
        tree = tree.this.unnest()
    return isinstance(tree, exp.Literal)
