"""Rules of what a recomputation looks up, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

LOOKED_UP = (
    Mutation(
        "a correlated query looks its rows up for each row around it",
        "recomputation",
        "if uid not in reached and source.body is not None and source.outer:",
        "if False:",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "a table that is reached leads on",
        "recomputation",
        "        reached |= found.keys()\n",
        "        reached |= found.keys()\n        break\n",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "a constant alone finds no few rows",
        "recomputation",
        "if not mine or not theirs or uid in theirs",
        "if not mine or uid in theirs",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "what is not reached yet gives no value",
        "recomputation",
        " or not theirs & scope.sources.keys() <= reached",
        "",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "the entity is given inside a derived table",
        "recomputation",
        "yield from _inside(scope.sources[uid], _outputs_given(scope, uid, known))",
        "yield from _inside(scope.sources[uid], frozenset())",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "a derived table that groups its rows is computed as a whole",
        "recomputation",
        "if not isinstance(body, Scope) or body.grouped or",
        "if not isinstance(body, Scope) or",
        killed_by=("test_recomputation",),
    ),
    Mutation(
        "a plain derived table is looked up by the outputs that are given",
        "recomputation",
        "                yield from _flattened(source, given)\n",
        "",
        killed_by=("test_recomputation",),
    ),
)
"""Without one of these a unit test of the module fails."""
