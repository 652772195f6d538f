"""The collations by which values compare, as far as they decide whether an equal value may replace another.

Under a nondeterministic collation, `=` holds for values with different bytes. So `p.name = q.name` by such a
collation of q says nothing about another condition on p.name by another collation: the value of q.name must
not replace p.name there. PostgreSQL derives the collation of a condition from its parts
(https://www.postgresql.org/docs/current/collation.html). Here an expression has the set of collations in it,
except the database's own. A resolved column carries its set into every copy.
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
    """The collations in an expression, including those of its subqueries."""
    found: Collations = frozenset()
    for node in tree.walk():
        if isinstance(node, (exp.Column, exp.Cast)):
            found |= node.meta.get(_META, frozenset())
        elif isinstance(node, exp.Collate):
            found |= {WRITTEN}
    return found


def mark_casts(tree: Tree, domains: Mapping[str, tuple[str, bool]]) -> None:
    """Mark the casts to collated domains with the collations of the domains (see
    `Catalogue.collated_domains`).
    """
    for node in tree.find_all(exp.Cast) if domains else ():
        domain = domains.get(node.to.sql(dialect="postgres"))
        if domain is not None:
            marked(node, _named(*domain))


def marked(node: Tree, found: Collations) -> Tree:
    """Mark a column or a cast with its collations."""
    if found:
        node.meta[_META] = found
    return node


def of_column(source: Source, name: str) -> Collations:
    """The collations of a source's column; for a whole row, those of all its columns."""
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
    """The collations of each output of a query."""
    return tuple(of_output(body, n) for n in range(len(body.names)))


def of_output(body: Body, n: int) -> Collations:
    """The collations of an output of a query, by position."""
    return fold(
        body,
        select=lambda body: collations_of(body.outputs[n]) if n < len(body.outputs) else frozenset[str](),
        arms=lambda _, arms: frozenset[str]().union(*arms),
        recursion=lambda body: of_output(body.base, n),
    )


def alike(left: Tree, right: Tree) -> bool:
    """Whether a value of one side may replace the other in every comparison."""
    return collations_of(left) == collations_of(right)


def one_collation(left: Tree, right: Tree) -> bool:
    """Whether two sides compare by the collation of one of them, or by the database's."""
    both = collations_of(left) | collations_of(right)
    return WRITTEN not in both and len(both - {FOLDING}) <= 1


def _of_catalogue(column: Column) -> Collations:
    return _named(column.collation, column.deterministic) if column.collation else frozenset()


def _named(collation: str, deterministic: bool) -> Collations:
    return frozenset({collation}) if deterministic else frozenset({collation, FOLDING})


def _yields_rows_of_text(body: Body) -> bool:
    """Whether it is VALUES or a function's rows, whose outputs are no expressions."""
    return isinstance(body, Scope) and body.select is None and bool(body.outputs) and not any(body.bindable)
