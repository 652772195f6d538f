"""Comparisons of whole rows, `t = u` and `t IS NOT DISTINCT FROM u`, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import Table
from cdc_daemon.analysis.model.dialect import Tree, column
from cdc_daemon.analysis.model.scopes import Conjunct, OuterJoin, Ref, Source
from cdc_daemon.analysis.read.conjuncts import conjunct
from cdc_daemon.analysis.read.names import NameScope


def equal_columns(
    tree: Tree,
    names: NameScope,
    join: OuterJoin | None,
    span: frozenset[str] | None,
    types: Mapping[Ref, str],
) -> Iterator[Conjunct]:
    """Yield the equalities of columns that follow from a condition that two whole rows are equal.

    PostgreSQL compares rows column by column and treats two NULLs as equal. The comparisons of a primary key
    are written, because they have an index. The others only carry values.

    Args:
        names: the visible names.
        types: as for `conjunct`.
    """
    if not isinstance(tree, (exp.EQ, exp.NullSafeEQ)):
        return
    sources = names.every_source()
    rows = [_source(side, sources) for side in (tree.this, tree.expression)]
    left, right = rows
    if left is None or right is None or len(left.columns) != len(right.columns):
        return
    keys = {n for source in (left, right) for n in _key(source)}
    for n, (mine, theirs) in enumerate(zip(left.columns, right.columns, strict=True)):
        pair = exp.NullSafeEQ(this=column(left.uid, mine), expression=column(right.uid, theirs))
        for q in conjunct(pair, join, span, types):
            q.identical = False
            q.implied = bool(keys) and n not in keys
            yield q


def _source(side: Tree, sources: Mapping[str, Source]) -> Source | None:
    """The source whose whole row is a side of a comparison."""
    at = side.unnest()
    whole = isinstance(at, exp.Column) and isinstance(at.this, exp.Star)
    return sources.get(at.table) if whole and isinstance(at, exp.Column) else None


def _key(source: Source) -> Iterator[int]:
    """The positions of a table's primary key among its columns."""
    table: Table | None = source.table
    if table is not None:
        real = [source.real[name] for name in source.columns]
        yield from (real.index(name) for name in table.primary_key)
