"""Rules of what a recomputation looks up, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

LOOKED_UP = (
    Mutation(
        "a correlated query looks its rows up for each row around it",
        "_of_scope",
        "uid not in reached and source.body is not None and source.outer",
        "False",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "a table that is reached leads on",
        "_of_scope",
        "reached |= found.keys()",
        """\
reached |= found.keys()
break
""",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "a constant alone finds no few rows",
        "_keys",
        "not mine or not theirs or uid in theirs or not theirs & scope.sources.keys() <= reached",
        "not mine or uid in theirs or not theirs & scope.sources.keys() <= reached",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "what is not reached yet gives no value",
        "_keys",
        "not mine or not theirs or uid in theirs or not theirs & scope.sources.keys() <= reached",
        "not mine or not theirs or uid in theirs",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "the entity is given inside a derived table",
        "_of_scope",
        "_outputs_given(scope, uid, known)",
        "frozenset()",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "a derived table that groups its rows is computed as a whole",
        "_flattened",
        "not isinstance(body, Scope) or body.grouped or body.limit is not None or body.partitions",
        "not isinstance(body, Scope) or body.limit is not None or body.partitions",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "a plain derived table is looked up by the outputs that are given",
        "_of_scope",
        "yield from _flattened(source, given)",
        "pass",
        killed_by=("test_recomputation",),
    ),
)
"""Without one of these a unit test of the module fails."""
