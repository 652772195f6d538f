"""By which collations values are compared, as far as it decides where an equal value may stand for another.

Under a nondeterministic collation `=` calls values of different bytes equal. So `p.name = q.name` by such a
collation of q says nothing of how another condition, by another collation, compares p.name: the value of one
must not stand for that of the other there. Which collation a condition takes is PostgreSQL's to derive from
its parts: https://www.postgresql.org/docs/current/collation.html. Of an expression we keep the set of the
collations in it, without the database's own; a resolved column carries its set with it, into every copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import Column
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.scopes import WHOLE_ROW, Body, Scope, Source, fold

Collations: TypeAlias = frozenset[str]

FOLDING = "nondeterministic"
"""Beside a collation's name: values of different bytes may be equal by it."""
WRITTEN = "COLLATE"
"""In the place of a collation that the query writes out."""

_META = "collations"


def collations_of(tree: Tree) -> Collations:
    """The collations in an expression, those of its subqueries too."""
    found: Collations = frozenset()
    for node in tree.walk():
        if isinstance(node, (exp.Column, exp.Cast)):
            found |= node.meta.get(_META, frozenset())
        elif isinstance(node, exp.Collate):
            found |= {WRITTEN}
    return found


def mark_casts(tree: Tree, domains: Mapping[str, tuple[str, bool]]) -> None:
    """Have the casts to some domains carry the domains' collations (see `Catalogue.collated_domains`)."""
    for node in tree.find_all(exp.Cast) if domains else ():
        domain = domains.get(node.to.sql(dialect="postgres"))
        if domain is not None:
            marked(node, _named(*domain))


def marked(node: Tree, found: Collations) -> Tree:
    """A column or a cast that carries its collations."""
    if found:
        node.meta[_META] = found
    return node


def of_column(source: Source, name: str) -> Collations:
    """The collations of a source's column; of a whole row those of every column."""
    if name == WHOLE_ROW:
        every = (of_column(source, each) for each in source.columns)
        return frozenset({WRITTEN}) if frozenset[str]().union(*every) else frozenset()
    if source.table is not None:
        return _of_catalogue(source.table.columns[source.real[name]])
    if source.itself:
        return source.collations.get(name, frozenset())
    if source.body is not None and name in source.columns and not _yields_rows_of_text(source.body):
        return of_output(source.body, source.columns.index(name))
    return frozenset() if source.item is None else collations_of(source.item)


def of_outputs(body: Body) -> tuple[Collations, ...]:
    """Those of the columns that a query yields, in order."""
    return tuple(of_output(body, n) for n in range(len(body.names)))


def of_output(body: Body, n: int) -> Collations:
    """Those of a column that a query yields, by position."""
    return fold(
        body,
        select=lambda body: collations_of(body.outputs[n]) if n < len(body.outputs) else frozenset[str](),
        arms=lambda _, arms: frozenset[str]().union(*arms),
        recursion=lambda body: of_output(body.base, n),
    )


def alike(left: Tree, right: Tree) -> bool:
    """Whether a value of one side may stand for the other wherever values are compared by its collation."""
    return collations_of(left) == collations_of(right)


def one_collation(left: Tree, right: Tree) -> bool:
    """Whether two sides are compared by the collation of either, or by the database's."""
    both = collations_of(left) | collations_of(right)
    return WRITTEN not in both and len(both - {FOLDING}) <= 1


def _of_catalogue(column: Column) -> Collations:
    return _named(column.collation, column.deterministic) if column.collation else frozenset()


def _named(collation: str, deterministic: bool) -> Collations:
    return frozenset({collation}) if deterministic else frozenset({collation, FOLDING})


def _yields_rows_of_text(body: Body) -> bool:
    """Whether it is VALUES or a function's rows, whose outputs are no expressions."""
    return isinstance(body, Scope) and body.select is None and bool(body.outputs) and not any(body.bindable)
