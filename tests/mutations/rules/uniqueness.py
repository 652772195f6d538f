"""Rules of the proof that a query yields each key once, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

ONCE = (
    Mutation(
        "UNION ALL keeps rows that are equal",
        "uniqueness",
        "if each_once and known ==",
        "if known ==",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "UNION leaves out equal rows, not rows that agree in a key",
        "uniqueness",
        "if each_once and known == frozenset(range(len(body.names))):",
        "if each_once:",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "arms that a constant tells apart share no key",
        "uniqueness",
        "and arms_told_apart(body, known)\n",
        "and False\n",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "a function that returns a set yields several rows for one",
        "uniqueness",
        "if select is None or yields_several(scope.outputs):",
        "if select is None:",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "DISTINCT ON yields each of its keys once",
        "uniqueness",
        "if on is not None and _all_inside(scope, on.expressions, inside):",
        "if False:",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "DISTINCT yields each row once",
        "uniqueness",
        "if distinct is not None and on is None and len(known) == len(scope.names):",
        "if False:",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "a group is known by its keys",
        "uniqueness",
        "return plain and _all_inside(scope, group.expressions, inside)",
        "return plain",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "an aggregate without groups yields one row",
        "uniqueness",
        "yields_one_row(scope, select) or all(",
        "all(",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "every source in FROM multiplies rows",
        "uniqueness",
        "        source.subquery\n        or _row_known(source, inside)\n",
        "        source.subquery\n        or True\n",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "a unique key whose columns are the feed's key names a row, as NULL is no key",
        "uniqueness",
        "        or _named(scope, source, known)\n",
        "",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "an outer join without a match is one row",
        "uniqueness",
        "        or _without_match(scope, source)\n",
        "",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "a grouping set is no key",
        "uniqueness",
        "plain = not group.find(exp.GroupingSets, exp.Rollup, exp.Cube)",
        "plain = True",
        killed_by=("test_uniqueness",),
    ),
)
"""Without one of these a unit test of the module fails."""
