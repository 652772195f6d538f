"""Rules of grouping sets and of what keys imply, and a change that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

GROUPED = (
    Mutation(
        "a foreign key that may be NULL says nothing",
        "implied",
        "follows and all(x.table.columns[name].not_null for name in columns)",
        "follows",
        killed_by=("test_keys",),
    ),
    Mutation(
        "a foreign key says nothing of another table",
        "implied",
        """\
key.references == y.table.name and y.table.has_key_in(
    {b for a, b in pairs if columns.get(a) == b}
)
""",
        """\
y.table.has_key_in(
    {b for a, b in pairs if columns.get(a) == b}
)
""",
        killed_by=("test_keys",),
    ),
    Mutation(
        "rows that are NULL together are not one row",
        "_equalities",
        "x.source in tables and y.source in tables and not isinstance(q.tree, exp.NullSafeEQ)",
        "x.source in tables and y.source in tables",
        killed_by=("test_keys",),
    ),
    Mutation(
        "the parts of a key are compared in one condition",
        "_equalities",
        "(x.source, y.source, q.join, q.span)",
        "(x.source, y.source, None, None)",
        killed_by=("test_keys",),
    ),
    Mutation(
        "a foreign key of another type carries an equal value, no more",
        "_equality",
        "identical or (len(types) == 1 and not types.isdisjoint(IDENTICAL))",
        "True",
        killed_by=("test_keys",),
    ),
    Mutation(
        "what a key implies of columns that are not used is left out",
        "implied",
        "mine not in _used(x, used) and theirs not in _used(y, used)",
        "False",
        killed_by=("test_keys",),
    ),
    Mutation(
        "ROLLUP groups by each of its beginnings",
        "_sets",
        """\
for length in range(len(parts), -1, -1):
    yield tuple(chain(*parts[:length]))
""",
        """\
for length in (len(parts), 0):
    yield tuple(chain(*parts[:length]))
""",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "ROLLUP groups by nothing, too",
        "_sets",
        """\
for length in range(len(parts), -1, -1):
    yield tuple(chain(*parts[:length]))
""",
        """\
for length in range(len(parts), 0, -1):
    yield tuple(chain(*parts[:length]))
""",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "CUBE groups by each choice of its keys",
        "_sets",
        "combinations(parts, length)",
        "[tuple(parts[:length])]",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "each set of one element goes with each of the other",
        "grouping_sets",
        "product",
        "zip",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "a grouping set may be several",
        "_sets",
        "(yield from _sets(each))",
        "(yield _keys(each))",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "keys in parentheses come and go together",
        "_keys",
        "tuple(part.expressions) if isinstance(part, exp.Tuple) else (part,)",
        "(part,)",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "too many sets are not followed",
        "grouping_sets",
        "number > _MOST_SETS",
        "False",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "a subquery over the keys of grouping sets is not followed",
        "variants",
        "any(scope.sources[uid].outer & of_keys for uid in after)",
        "False",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "a subquery that names no key of grouping sets is followed",
        "variants",
        "any(scope.sources[uid].outer & of_keys for uid in after)",
        "after",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "the first key of grouping() is the highest bit",
        "_replace",
        "reversed(bits)",
        "bits",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "grouping sets that yield the same are one",
        "variants",
        "tuple(map(render, outputs))",
        "(str(len(arms)),)",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "grouping() is a value of its set",
        "variants",
        "tuple(functions.of_one_row(output) for output in outputs)",
        "scope.bindable",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "a key that a set leaves out is NULL of its type",
        "_replace",
        "exp.Null() if whole else null_of(scope.sources, child)",
        "exp.Null()",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "an output that a set leaves out is NULL of any type",
        "_replace",
        "exp.Null() if whole else null_of(scope.sources, child)",
        "null_of(scope.sources, child)",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "LIMIT is of all grouping sets together",
        "variants",
        "scope.limit",
        "None",
        killed_by=("test_grouping_sets",),
    ),
    Mutation(
        "each arm of a set operation is looked up",
        "joined",
        "chain.from_iterable(arms)",
        "chain.from_iterable(list(arms)[:1])",
        killed_by=("test_lookups",),
    ),
)
