"""GROUPING SETS, ROLLUP and CUBE: one variant of the SELECT for each set of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, combinations, product

from sqlglot import exp

from cdc_daemon.analysis.model.dialect import Tree, render
from cdc_daemon.analysis.model.scopes import Body, Scope, SetOperation, refs_of
from cdc_daemon.analysis.read.context import NotUnderstood
from cdc_daemon.analysis.read.functions import Functions
from cdc_daemon.analysis.read.names import null_of

_MOST_SETS = 64


def grouping_sets(group: Tree | None) -> Sequence[Sequence[Tree]] | None:
    """The sets of keys of a GROUP BY with grouping sets; None for an ordinary GROUP BY.

    Raises:
        NotUnderstood: there are too many sets.
    """
    if group is None or not any(
        isinstance(key, (exp.GroupingSets, exp.Rollup, exp.Cube)) for key in group.expressions
    ):
        return None
    elements = [list(_sets(element)) for element in group.expressions]
    number = 1
    for element in elements:
        number *= len(element)
    if number > _MOST_SETS:
        raise NotUnderstood(f"{number} grouping sets: name those that are needed, at most {_MOST_SETS}")
    return [tuple(chain(*chosen)) for chosen in product(*elements)]


def _sets(element: Tree) -> Iterator[tuple[Tree, ...]]:
    if isinstance(element, exp.GroupingSets):
        for each in element.expressions:
            yield from _sets(each)
    elif isinstance(element, exp.Rollup):
        parts = [_keys(part) for part in element.expressions]
        for length in range(len(parts), -1, -1):
            yield tuple(chain(*parts[:length]))
    elif isinstance(element, exp.Cube):
        parts = [_keys(part) for part in element.expressions]
        for length in range(len(parts), -1, -1):
            for chosen in combinations(parts, length):
                yield tuple(chain(*chosen))
    else:
        yield _keys(element)


def _keys(part: Tree) -> tuple[Tree, ...]:
    part = part.unnest()
    return tuple(part.expressions) if isinstance(part, exp.Tuple) else (part,)


def variants(
    scope: Scope, sets: Sequence[Sequence[Tree]], functions: Functions, after: frozenset[str]
) -> Body:
    """A SELECT with grouping sets as a union of one SELECT for each set.

    The variants read the same sources by the same conditions. Their outputs differ: the keys that a set
    leaves out are NULL, and `grouping()` is a constant.

    Args:
        scope: the SELECT as if it were grouped by every key.
        after: its subqueries that are computed after grouping (in the select list, HAVING, ORDER BY).

    Raises:
        NotUnderstood: something else refers to the keys after grouping.
    """
    if scope.partitions:
        raise NotUnderstood(
            "a window or DISTINCT ON over grouping sets: group in a derived table and put it around that"
        )
    inside = frozenset(scope.sources)
    keys = {render(key.unnest()): key for each in sets for key in each}
    of_keys = frozenset(ref for key in keys.values() for ref in refs_of(key) if ref.source in inside)
    if any(scope.sources[uid].outer & of_keys for uid in after):
        raise NotUnderstood(
            "a subquery over the keys of grouping sets: group in a derived table and put it around that"
        )
    arms: dict[tuple[str, ...], Scope] = {}
    for each in sets:
        present = {render(key.unnest()) for key in each}
        outputs = tuple(_with_keys(scope, output, present, frozenset(keys)) for output in scope.outputs)
        arms[tuple(map(render, outputs))] = replace(
            scope, outputs=outputs, bindable=tuple(functions.of_one_row(output) for output in outputs)
        )
    return SetOperation(tuple(arms.values()), scope.names, scope.limit, distinct=False)


def _with_keys(scope: Scope, tree: Tree, present: set[str], keys: frozenset[str]) -> Tree:
    """An output in one of the variants."""
    holder = exp.Paren(this=tree.copy())
    _replace(scope, holder, present, keys)
    result: Tree = holder.this
    return result


def _replace(scope: Scope, tree: Tree, present: set[str], keys: frozenset[str]) -> None:
    for child in list(tree.iter_expressions()):
        if isinstance(child, exp.Anonymous) and child.name.lower() == "grouping":
            bits = [render(key.unnest()) not in present for key in child.expressions]
            number = sum(absent << bit for bit, absent in enumerate(reversed(bits)))
            child.replace(exp.Literal.number(number))
        elif (text := render(child.unnest())) in keys:
            if text not in present:
                whole = isinstance(tree, exp.Paren) and tree.parent is None
                child.replace(exp.Null() if whole else null_of(scope.sources, child))
        else:
            _replace(scope, child, present, keys)
