"""Rows that are made of columns of the outer query, as in `FROM unnest(p.tags) AS t(tag)` where p is outside.

Nothing in such a subquery compares t with p. But t.tag is one of p.tags, and this condition leads from a row
that equals t.tag to p. The same holds for VALUES, and for a query that reads no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlglot import exp

from cdc_daemon.analysis.model.dialect import Tree, column, quoted
from cdc_daemon.analysis.model.scopes import Conjunct, Ref, Source, scopes_of


def elements(
    sources: Mapping[str, Source], conjuncts: Sequence[Conjunct], take: Callable[[str], str]
) -> Iterator[Conjunct]:
    """Yield, for each column of such rows that is compared for equality, the condition that it is one of the
    elements.

    Columns of other rows may have a type without equality.

    Args:
        take: returns a name that is unique in the query.
    """
    compared = [side.column for q in conjuncts for side in q.sides or () if side.column is not None]
    for ref in dict.fromkeys(compared):
        source = sources.get(ref.source)
        if source is None or source.item is None or not source.outer or _reads_tables(source):
            continue
        if not any(outer.source in sources for outer in source.outer):
            yield _as_membership(source, source.item, ref, take("elements"))


def _reads_tables(source: Source) -> bool:
    within = () if source.body is None else scopes_of(source.body)
    return any(each.table is not None for scope in within for each in scope.sources.values())


def _as_membership(source: Source, item: Tree, ref: Ref, alias: str) -> Conjunct:
    lateral = isinstance(item, exp.Lateral)
    item = exp.Table(this=item.this, ordinality=item.args.get("ordinality")) if lateral else item
    item = item.copy()
    item.set("joins", None)
    item.set("alias", exp.TableAlias(this=quoted(alias), columns=[quoted(name) for name in source.columns]))
    same = exp.NullSafeEQ(this=column(alias, ref.column), expression=column(*ref))
    query = exp.Select(
        expressions=[exp.Literal.number(1)], from_=exp.From(this=item), where=exp.Where(this=same)
    )
    refs = frozenset({ref, *source.outer})
    return Conjunct(exp.Exists(this=query), refs, span=frozenset({source.uid}), by_equality=True)
