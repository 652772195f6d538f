"""Rules of how a query is read, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

READ = (
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
        "a set operation of several types has none that is known",
        "output_type",
        "types[0] if len(set(types)) == 1 else None",
        "types[0]",
        killed_by=("test_names",),
    ),
    Mutation(
        "a set operation has the type of its arms",
        "output_type",
        "types[0] if len(set(types)) == 1 else None",
        "None",
        killed_by=("test_names",),
    ),
    Mutation(
        "a NULL has the type of the column that it stands for",
        "null_of",
        "exp.Null() if type_ is None else typed_null(type_)",
        "exp.Null()",
        killed_by=("test_names",),
    ),
    Mutation(
        "a NULL in the place of a whole row has the type of that row",
        "null_of",
        "isinstance(at.this, exp.Star) or at.name == WHOLE_ROW",
        "False",
        killed_by=("test_names",),
    ),
    Mutation(
        "a system column is refused",
        "NameScope.unresolved",
        "name in _SYSTEM_COLUMNS",
        "False",
        killed_by=("test_names",),
    ),
    Mutation(
        "a column that may be one of several is not read",
        "NameScope.points",
        "len(having) > 1",
        "False",
        killed_by=("test_names",),
    ),
    Mutation(
        "a column that its table lacks is not read",
        "NameScope.points",
        "name != WHOLE_ROW and name not in source.columns",
        "False",
        killed_by=("test_names",),
    ),
    Mutation(
        "a column that nothing has is not read",
        "NameScope.resolve",
        """\
if at is None:
    raise self.unresolved(name, node.table or None, 0)
""",
        "pass",
        killed_by=("test_names",),
    ),
    Mutation(
        "a column around a subquery has its type",
        "NameScope.types",
        "dict(self.around.types()) if self.around else {}",
        "{}",
        killed_by=("test_names",),
    ),
    Mutation(
        "a recursion has the types of its base",
        "output_type",
        "output_type(body.base, n) if n < len(body.step.names) else None",
        "None",
        killed_by=("test_names",),
    ),
    Mutation(
        "what CYCLE adds has no type that is known",
        "output_type",
        "output_type(body.base, n) if n < len(body.step.names) else None",
        "output_type(body.base, n)",
        killed_by=("test_names",),
    ),
    Mutation(
        "a subquery depends on every query around that it names",
        "NameScope.uids",
        "own | self.around.uids() if self.around else own",
        "own",
        killed_by=("test_names",),
    ),
    Mutation(
        "a name stands for what is declared above it",
        "declared",
        "found if recursive else dict(found)",
        "found",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "under RECURSIVE a name may be declared further down",
        "declared",
        "found if recursive else dict(found)",
        "dict(found)",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a CTE under RECURSIVE that does not read itself is no recursion",
        "declared",
        "recursive and _reads(cte.this, cte.alias)",
        "recursive",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "without RECURSIVE a CTE does not read itself",
        "declared",
        "recursive and _reads(cte.this, cte.alias)",
        "_reads(cte.this, cte.alias)",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a table with its schema is no use of a CTE",
        "_reads",
        "table.name == name and not table.db",
        "table.name == name",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "SEARCH and CYCLE add columns",
        "declared",
        "Cte(cte.this, alias_columns(cte), within, reads_itself, added, clauses)",
        "Cte(cte.this, alias_columns(cte), within, reads_itself, (), clauses)",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "CYCLE adds the way, too",
        "declared",
        '(each.args.get("expression"), each.args.get("using"))',
        '(each.args.get("expression"),)',
        killed_by=("test_ctes",),
    ),
    Mutation(
        "the rows of a recursion are read with its SEARCH and CYCLE",
        "declared",
        "Cte(cte.this, alias_columns(cte), within, reads_itself, added, clauses)",
        "Cte(cte.this, alias_columns(cte), within, reads_itself, added, {})",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a CTE that nothing reads is not run",
        "unread",
        "(yield from found)",
        "(yield from ())",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a CTE that only itself reads is not run",
        "unread",
        "(cte, *found)",
        "found",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a CTE that only one reads which is not run is not run",
        "unread",
        "user in (cte, *found)",
        "user is cte",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a table with its schema is no reading of a CTE",
        "unread",
        "table.name in users and not table.db",
        "table.name in users",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a recursion is a UNION",
        "read_recursion",
        "not isinstance(union, exp.Union)",
        "False",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a step is one SELECT",
        "read_recursion",
        "not isinstance(step, Scope)",
        "False",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a window in a step is not followed",
        "_itself",
        "step.limit is not None or step.partitions",
        "step.limit is not None",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "LIMIT in a step is not followed",
        "_itself",
        "step.limit is not None or step.partitions",
        "step.partitions",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a step that reads the CTE in a subquery is not followed",
        "_itself",
        "len(found) != 1 or found[0].uid not in step.sources",
        "len(found) != 1",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a step reads the CTE once",
        "_itself",
        "len(found) != 1 or found[0].uid not in step.sources",
        "found[0].uid not in step.sources",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a recursion by UNION merges equal rows",
        "read_recursion",
        'bool(union.args.get("distinct"))',
        "False",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "the columns of a recursion have the declared names",
        "read_recursion",
        "(*cte.columns, *base.names[len(cte.columns) :])",
        "base.names",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "the rows of a recursion are read under the declared names",
        "read_recursion",
        """\
if cte.columns:
    ...
""",
        """\
if False:
    ...
""",
        killed_by=("test_ctes",),
    ),
    Mutation(
        "a recursion may have a WITH of its own",
        "read_recursion",
        "declared(union, cte.within)",
        "cte.within",
        killed_by=("test_ctes",),
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
        "each arm of a set operation is looked up",
        "joined",
        "chain.from_iterable(arms)",
        "chain.from_iterable(list(arms)[:1])",
        killed_by=("test_lookups",),
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
        "next(filter(None, arms), [])",
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
        "place_of",
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
        "place_of",
        """\
if construct.node is None:
    return None
""",
        "pass",
        killed_by=("test_reasons",),
    ),
)
"""Without one of these a unit test of what is read fails."""
