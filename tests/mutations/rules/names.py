"""Rules of names, CTEs and recursion in scopes, and a change that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

NAMED = (
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
)
