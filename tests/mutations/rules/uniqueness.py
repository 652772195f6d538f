"""Rules of the proof that a query yields each key once, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

ONCE = (
    Mutation(
        "UNION ALL keeps rows that are equal",
        "_of_arms",
        "each_once and known == frozenset(range(len(body.names)))",
        "known == frozenset(range(len(body.names)))",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "UNION leaves out equal rows, not rows that agree in a key",
        "_of_arms",
        "each_once and known == frozenset(range(len(body.names)))",
        "each_once",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "arms that a constant tells apart share no key",
        "_of_arms",
        "has_discriminator(body, known)",
        "False",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "DISTINCT ON yields each of its keys once",
        "_of_select",
        "on is not None and _all_inside(scope, on.expressions, inside)",
        "False",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "DISTINCT yields each row once",
        "_of_select",
        "distinct is not None and on is None and len(known) == len(scope.names)",
        "False",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "a group is known by its keys",
        "_of_select",
        "plain and _all_inside(scope, group.expressions, inside)",
        "plain",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "an aggregate without groups yields one row",
        "_of_select",
        """\
yields_one_row(scope, select) or all(
    source.subquery
    or _row_known(source, inside)
    or _named(scope, source, known)
    or _without_match(scope, source)
    for source in scope.sources.values()
)
""",
        """\
all(
    source.subquery
    or _row_known(source, inside)
    or _named(scope, source, known)
    or _without_match(scope, source)
    for source in scope.sources.values()
)
""",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "every source in FROM multiplies rows",
        "_of_select",
        "_row_known(source, inside)",
        "True",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "a unique key whose columns are the feed's key names a row, as NULL is no key",
        "_of_select",
        """\
(source.subquery
or _row_known(source, inside)
or _named(scope, source, known)
or _without_match(scope, source))
""",
        """\
(source.subquery
or _row_known(source, inside)
or _without_match(scope, source))
""",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "an outer join without a match is one row",
        "_of_select",
        """\
(source.subquery
or _row_known(source, inside)
or _named(scope, source, known)
or _without_match(scope, source))
""",
        """\
(source.subquery
or _row_known(source, inside)
or _named(scope, source, known))
""",
        killed_by=("test_uniqueness",),
    ),
    Mutation(
        "a grouping set is no key",
        "_of_select",
        "not group.find(exp.GroupingSets, exp.Rollup, exp.Cube)",
        "True",
        killed_by=("test_uniqueness",),
    ),
)
"""Without one of these a unit test of the module fails."""
