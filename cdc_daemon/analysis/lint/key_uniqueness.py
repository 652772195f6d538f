"""Whether the catalogue proves that a query yields each key once. Two documents with one key stop a feed.

A row of a SELECT is determined by some outputs if they determine a unique key of every source in FROM, or the
keys of GROUP BY or DISTINCT ON, or if DISTINCT compares exactly them. A key without proof may still be
unique.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from cdc_daemon.analysis.lint.functional_dependencies import (
    arms_of,
    determined,
    has_discriminator,
    keys_of_table,
    unique_columns,
    yields_one_row,
    yields_several,
)
from cdc_daemon.analysis.model.scopes import Body, Recursion, Ref, Scope, SetOperation, Source, refs_of
from cdc_daemon.analysis.read.nullability import output_never_null


def proved_unique(body: Body, key: Iterable[str]) -> bool:
    """Whether no two rows of a query can agree in these outputs without NULL.

    Args:
        key: the names of the outputs.
    """
    positions = {name: n for n, name in reversed(list(enumerate(body.names)))}
    return _unique(body, frozenset(positions[name] for name in key))


def nullable_outputs(body: Body, key: Iterable[str]) -> tuple[str, ...]:
    """The outputs that may be NULL, as far as the catalogue and the query tell."""
    positions = {name: n for n, name in reversed(list(enumerate(body.names)))}
    return tuple(name for name in key if not output_never_null(body, positions[name]))


def _unique(body: Body, known: frozenset[int]) -> bool:
    """Whether rows that agree in these outputs, by position, are one row."""
    return _of_select(body, known) if isinstance(body, Scope) else _of_arms(body, known)


def _of_arms(body: SetOperation | Recursion, known: frozenset[int]) -> bool:
    if isinstance(body, SetOperation) and len(body.arms) == 1:  # a LIMIT around a query
        return _unique(body.arms[0], known)
    each_once = body.each_once if isinstance(body, SetOperation) else body.distinct
    if each_once and known == frozenset(range(len(body.names))):
        return True
    return (
        isinstance(body, SetOperation)
        and has_discriminator(body, known)
        and all(_unique(arm, known) for arm in arms_of(body))
    )


def _of_select(scope: Scope, known: frozenset[int]) -> bool:
    select = scope.select
    if select is None or yields_several(scope.outputs):
        return False
    inside = determined(scope, (scope.outputs[n] for n in known))
    distinct = select.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    if on is not None and _all_inside(scope, on.expressions, inside):
        return True
    if distinct is not None and on is None and len(known) == len(scope.names):
        return True
    group = select.args.get("group")
    if group is not None:
        # A grouping set repeats groups: ROLLUP (a, a) yields the total twice.
        plain = not group.find(exp.GroupingSets, exp.Rollup, exp.Cube)
        return plain and _all_inside(scope, group.expressions, inside)
    return yields_one_row(scope, select) or all(
        source.subquery
        or _row_known(source, inside)
        or _named(scope, source, known)
        or _without_match(scope, source)
        for source in scope.sources.values()
    )


def _all_inside(scope: Scope, keys: Iterable[exp.Expr], inside: frozenset[Ref]) -> bool:
    """Whether each expression is a function of known columns."""
    return all({ref for ref in refs_of(key) if ref.source in scope.sources} <= inside for key in keys)


def _named(scope: Scope, source: Source, known: frozenset[int]) -> bool:
    """Whether known outputs are a unique key of a table, as plain columns, so that none is NULL.

    Through an equality, NULLs of a unique key could meet: IS NOT DISTINCT FROM holds for two of them.
    """
    outputs = (scope.outputs[n].unnest() for n in known)
    named = {tree.name for tree in outputs if isinstance(tree, exp.Column) and tree.table == source.uid}
    real = {source.real[name] for name in named if name in source.real}
    return source.table is not None and source.table.has_key_in(real)


def _without_match(scope: Scope, source: Source) -> bool:
    """Whether WHERE requires NULL in a column that is never NULL, so that an outer join found no match."""
    return source.table is not None and any(
        q.join is None
        and isinstance(q.tree, exp.Is)
        and not q.tree.args.get("negate")
        and isinstance(q.tree.expression, exp.Null)
        and isinstance(q.tree.this, exp.Column)
        and q.tree.this.table == source.uid
        and q.tree.this.name in source.real
        and source.table.columns[source.real[q.tree.this.name]].not_null
        for q in scope.conjuncts
    )


def _row_known(source: Source, inside: frozenset[Ref]) -> bool:
    """Whether the known columns of a source belong to at most one of its rows."""
    mine = frozenset(ref.column for ref in inside if ref.source == source.uid)
    if source.table is not None:
        return any(key <= mine for key in keys_of_table(source))
    if source.body is not None:
        return _unique(source.body, frozenset(n for n, name in enumerate(source.columns) if name in mine))
    return source.item is not None and bool(unique_columns(source.item, source.columns) & mine)
