"""Equalities that follow from the keys of the catalogue, and save a visit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import IDENTICAL
from cdc_daemon.analysis.model.collations import alike, marked, of_column
from cdc_daemon.analysis.model.dialect import column
from cdc_daemon.analysis.model.scopes import WHOLE_ROW, Conjunct, OuterJoin, Ref, Side, Source
from cdc_daemon.analysis.read.names import type_of

_Where: TypeAlias = tuple[str, str, OuterJoin | None, frozenset[str] | None]
_Pairs: TypeAlias = dict[tuple[str, str], Conjunct]


def implied(
    sources: Mapping[str, Source], conjuncts: Sequence[Conjunct], used: Mapping[str, frozenset[str]]
) -> Iterator[Conjunct]:
    """Yield the equalities that follow from those of one WHERE or ON.

    Two rows of a table that agree in a unique key are the same row, so they agree in every column. A row
    whose foreign key has several columns, none of them NULL, agrees in all of them with the row that it
    refers to, even if the query compares only a part that is unique there.

    Args:
        used: for each source, the columns that matter.
    """
    tables = {uid: source for uid, source in sources.items() if source.table is not None}
    for (one, other, _, _), pairs in _equalities(tables, conjuncts).items():
        x, y = tables[one], tables[other]
        if x.table is None or y.table is None or not y.table.has_key_in({theirs for _, theirs in pairs}):
            continue
        q = next(iter(pairs.values()))
        same = {b for a, b in pairs if a == b}
        if one < other and x.table.name == y.table.name and y.table.has_key_in(same):
            for real in sorted(_used(x, used) | _used(y, used) - {a for a, b in pairs if a == b}):
                yield _equality(x, y, real, real, q, identical=True)
        for key in x.table.foreign_keys:
            columns = dict(zip(key.columns, key.referenced_columns, strict=True))
            follows = key.references == y.table.name and y.table.has_key_in(
                {b for a, b in pairs if columns.get(a) == b}
            )
            if follows and all(x.table.columns[name].not_null for name in columns):
                for mine, theirs in sorted(columns.items() - pairs.keys()):
                    if mine not in _used(x, used) and theirs not in _used(y, used):
                        continue
                    yield _equality(x, y, mine, theirs, q, identical=False)


def _equalities(tables: Mapping[str, Source], conjuncts: Sequence[Conjunct]) -> Mapping[_Where, _Pairs]:
    """Pairs of equal columns in both directions, by the two sources and the join of the condition."""
    found: dict[_Where, _Pairs] = {}
    for q in conjuncts:
        # Two rows that agree by a coarser collation than the key's may be two rows.
        both = q.equated if q.carries else None
        for x, y in (both, both[::-1]) if both is not None else ():
            if x.source in tables and y.source in tables and not isinstance(q.tree, exp.NullSafeEQ):
                pair = tables[x.source].real[x.column], tables[y.source].real[y.column]
                found.setdefault((x.source, y.source, q.join, q.span), {})[pair] = q
    return found


def _used(source: Source, used: Mapping[str, frozenset[str]]) -> set[str]:
    return {source.real[name] for name in used[source.uid] if name != WHOLE_ROW}


def _equality(x: Source, y: Source, mine: str, theirs: str, q: Conjunct, *, identical: bool) -> Conjunct:
    left, right = _ref(x, mine), _ref(y, theirs)
    types = {type_of(x, left.column), type_of(y, right.column)}
    trees = tuple(marked(column(*ref), of_column(side, ref.column)) for side, ref in ((x, left), (y, right)))
    return Conjunct(
        exp.NullSafeEQ(this=trees[0], expression=trees[1]),
        frozenset((left, right)),
        (Side(trees[0], frozenset({left}), left), Side(trees[1], frozenset({right}), right)),
        identical=identical or (len(types) == 1 and not types.isdisjoint(IDENTICAL)),
        join=q.join,
        span=q.span,
        implied=True,
        carries=alike(*trees),
    )


def _ref(source: Source, real: str) -> Ref:
    return Ref(source.uid, next(visible for visible, name in source.real.items() if name == real))
