"""Rows of a function of the query around: of `FROM unnest(p.tags) AS t(tag)` in a subquery, p being outside.

Nothing in such a subquery compares t with p, yet t.tag is one of p.tags, and that is a condition which leads
from a changed row that agrees with t.tag to p.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlglot import exp

from cdc_daemon.analysis.dialect import column, quoted
from cdc_daemon.analysis.scopes import Conjunct, Ref, Source


def elements(
    sources: Mapping[str, Source], conjuncts: Sequence[Conjunct], take: Callable[[str], str]
) -> Iterator[Conjunct]:
    """For each column of such a function that is compared for equality: that it is one of those yielded.

    Others may have a type without equality.

    Args:
        take: gives a name that nothing in the query has.
    """
    compared = [side.column for q in conjuncts for side in q.sides or () if side.column is not None]
    for ref in dict.fromkeys(compared):
        source = sources.get(ref.source)
        item = None if source is None or source.table or source.body else source.item
        if source is None or item is None or any(outer.source in sources for outer in source.outer):
            continue
        if isinstance(item, exp.Lateral) and isinstance(item.this, exp.Anonymous):
            item = exp.Table(this=item.this, ordinality=item.args.get("ordinality"))
        if source.outer and isinstance(item, exp.Table):
            yield _among(source, item.copy(), ref, take("elements"))


def _among(source: Source, item: exp.Table, ref: Ref, alias: str) -> Conjunct:
    item.set("joins", None)
    item.set("alias", exp.TableAlias(this=quoted(alias), columns=[quoted(name) for name in source.columns]))
    same = exp.NullSafeEQ(this=column(alias, ref.column), expression=column(*ref))
    query = exp.Select(
        expressions=[exp.Literal.number(1)], from_=exp.From(this=item), where=exp.Where(this=same)
    )
    refs = frozenset({ref, *source.outer})
    return Conjunct(exp.Exists(this=query), refs, span=frozenset({source.uid}), loose=True)
