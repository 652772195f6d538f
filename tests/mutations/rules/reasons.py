"""Rules of ranks, reasons and lookups, and a change that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

REASONED = (
    Mutation(
        "of equals the source with the fewest visits ranks lowest",
        "rank_sources",
        "(-bound, loose, source.subquery, not scope.correlated(source), depth[uid], visits, order)",
        "(-bound, loose, source.subquery, not scope.correlated(source), depth[uid], 0, order)",
        killed_by=("test_source_order",),
    ),
    Mutation(
        "a grandparent ranks before its grandchildren",
        "_depths",
        """\
for _ in scope.sources:
    ...
""",
        """\
for _ in range(1):
    ...
""",
        killed_by=("test_source_order",),
    ),
    Mutation(
        "two that are joined by the keys of both are no parent and child",
        "_depths",
        "by_key and child in parents and not _unique(scope, child, {mine for mine, _ in columns})",
        "by_key and child in parents",
        killed_by=("test_source_order",),
    ),
    Mutation(
        "of equals the first in FROM ranks lowest",
        "rank_sources",
        "(-bound, loose, source.subquery, not scope.correlated(source), depth[uid], visits, order)",
        "(-bound, loose, source.subquery, not scope.correlated(source), depth[uid], visits, -order)",
        killed_by=("test_source_order",),
    ),
    Mutation(
        "an entity that is an expression is looked up by its index",
        "_of_output",
        "yield Visit(source.table.name, (), (in_index(tree),))",
        "return",
        killed_by=("test_lookups",),
    ),
    Mutation(
        "an expression over renamed columns is looked up by none",
        "_of_output",
        "source.table is not None and all(name == real for name, real in source.real.items())",
        "source.table is not None",
        killed_by=("test_lookups",),
    ),
    Mutation(
        "a lookup is named once",
        "lookups",
        "dict.fromkeys(found)",
        "found",
        killed_by=("test_lookups",),
    ),
    Mutation(
        "a lookup is by the column's own name",
        "_of_output",
        "source.real[tree.name]",
        "tree.name",
        killed_by=("test_lookups",),
    ),
    Mutation(
        "of two outputs of one name the entity is the first",
        "lookups",
        "reversed(list(enumerate(body.names)))",
        "enumerate(body.names)",
        killed_by=("test_lookups",),
    ),
    Mutation(
        "one index is enough to find an entity",
        "_lookups",
        "all",
        "any",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "a visit by nothing wants no index",
        "create_index",
        "f\"{how} ON {table.name.quoted} ({', '.join(keys)});\" if keys else None",
        "f\"{how} ON {table.name.quoted} ({', '.join(keys)});\"",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "an aggregate in a derived table is named",
        "_bindable",
        "source is not None and source.body is not None and output.name in source.columns",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "an aggregate in an arm of a set operation is named",
        "_bindable",
        "all",
        "any",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a reason is looked for from the inside out",
        "_unconnected",
        "reversed(_way(body, changed))",
        "_way(body, changed)",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a reason is looked for in each arm",
        "_nesting",
        "next((each for each in arms if each), _Nesting())",
        "arms[0]",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a long condition is cut",
        "_shown",
        "len(text) <= _LONGEST",
        "True",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "an output of a recursion is computed where its base computes it",
        "_bindable",
        "n < len(body.step.outputs) and _bindable(body.base, n) and _bindable(body.step, n)",
        "n < len(body.step.outputs)",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a body in another language is not read as SQL",
        "_written",
        'relation_read(function.body) if function.language in ("sql", "plpgsql") else None',
        "relation_read(function.body)",
        killed_by=("test_verdicts",),
    ),
    Mutation(
        "of what can't be watched at all nothing less is told",
        "_verdicts",
        """\
if table.kind in _KINDS:
    name, hint = _KINDS[table.kind]
    yield name, f"{table.name} is a {table.kind}", hint
elif table.foreign_parts:
    what = f"{table.name} has partitions that are foreign tables ({', '.join(table.foreign_parts)})"
    yield "foreign-table", what, _KINDS["foreign table"][1]
elif table.unlogged:
    what = f"{table.name} is UNLOGGED: after a crash it is empty, and no trigger fires"
    yield "unlogged-table", what, f"ALTER TABLE {table.name.quoted} SET LOGGED; or resync after a crash"
""",
        """\
if table.kind in _KINDS:
    name, hint = _KINDS[table.kind]
    yield name, f"{table.name} is a {table.kind}", hint
elif table.foreign_parts:
    what = f"{table.name} has partitions that are foreign tables ({', '.join(table.foreign_parts)})"
    yield "foreign-table", what, _KINDS["foreign table"][1]
if table.unlogged:
    what = f"{table.name} is UNLOGGED: after a crash it is empty, and no trigger fires"
    yield "unlogged-table", what, f"ALTER TABLE {table.name.quoted} SET LOGGED; or resync after a crash"
""",
        killed_by=("test_verdicts",),
    ),
    Mutation(
        "a view that can't be parsed is left out",
        "LintContext.views",
        "Unreadable",
        "ZeroDivisionError",
        killed_by=("test_verdicts",),
    ),
    Mutation(
        "outer joins too many to tell apart are named",
        "routes_of",
        "state.undecidable and len(found) < len(outputs)",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "an arm that refers to no row around is named",
        "_unconnected",
        "scope.correlated(source)",
        "False",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "a keyword has its place",
        "location_of",
        """\
if construct.words:
    ...
""",
        """\
if False:
    ...
""",
        killed_by=("test_reasons",),
    ),
    Mutation(
        "what a view wrote has no place",
        "location_of",
        """\
if construct.node is None:
    return None
""",
        "pass",
        killed_by=("test_reasons",),
    ),
)
