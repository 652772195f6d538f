"""Rules of how a query is read, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

READ = (
    Mutation(
        "a foreign key that may be NULL says nothing",
        "keys",
        "if follows and all(x.table.columns[name].not_null for name in columns):",
        "if follows:",
        killed_by=("test_keys",),
    ),
    Mutation(
        "a foreign key says nothing of another table",
        "keys",
        "follows = key.references == y.table.name and _unique(",
        "follows = _unique(",
        killed_by=("test_keys",),
    ),
    Mutation(
        "rows that are NULL together are not one row",
        "keys",
        " and not isinstance(q.tree, exp.NullSafeEQ):",
        ":",
        killed_by=("test_keys",),
    ),
    Mutation(
        "the parts of a key are compared in one condition",
        "keys",
        "(x.source, y.source, q.join, q.span)",
        "(x.source, y.source, None, None)",
        killed_by=("test_keys",),
    ),
    Mutation(
        "a foreign key of another type carries an equal value, no more",
        "keys",
        "identical=identical or (len(types) == 1 and not types.isdisjoint(IDENTICAL))",
        "identical=True",
        killed_by=("test_keys",),
    ),
    Mutation(
        "what a key implies of columns that are not used is left out",
        "keys",
        "if mine not in _used(x, used) and theirs not in _used(y, used):",
        "if False:",
        killed_by=("test_keys",),
    ),
    Mutation(
        "a set operation of several types has none that is known",
        "names",
        "return types.pop() if len(types) == 1 else None",
        "return types.pop()",
        killed_by=("test_names",),
    ),
    Mutation(
        "a set operation has the type of its arms",
        "names",
        "return types.pop() if len(types) == 1 else None",
        "return None",
        killed_by=("test_names",),
    ),
    Mutation(
        "a NULL has the type of the column that it stands for",
        "names",
        "return exp.Null() if type_ is None else typed_null(type_)",
        "return exp.Null()",
        killed_by=("test_names",),
    ),
    Mutation(
        "a system column is refused",
        "names",
        "if name in _SYSTEM_COLUMNS:",
        "if False:",
        killed_by=("test_names",),
    ),
    Mutation(
        "a column that may be one of several is not read",
        "names",
        "if len(having) > 1:",
        "if False:",
        killed_by=("test_names",),
    ),
    Mutation(
        "a column that its table lacks is not read",
        "names",
        "if name != WHOLE_ROW and name not in source.columns:",
        "if False:",
        killed_by=("test_names",),
    ),
    Mutation(
        "a column that nothing has is not read",
        "names",
        "        if at is None:\n            raise self.unresolved(name, node.table or None, 0)\n",
        "",
        killed_by=("test_names",),
    ),
    Mutation(
        "a column around a subquery has its type",
        "names",
        "found = dict(self.around.types()) if self.around else {}",
        "found = {}",
        killed_by=("test_names",),
    ),
    Mutation(
        "a recursion has the types of its base",
        "names",
        "return output_type(body.base, n) if n < len(body.step.names) else None",
        "return None",
        killed_by=("test_names",),
    ),
    Mutation(
        "what CYCLE adds has no type that is known",
        "names",
        "return output_type(body.base, n) if n < len(body.step.names) else None",
        "return output_type(body.base, n)",
        killed_by=("test_names",),
    ),
    Mutation(
        "a subquery depends on every query around that it names",
        "names",
        "return own | self.around.uids() if self.around else own",
        "return own",
        killed_by=("test_names",),
    ),
)
"""Without one of these a unit test of what is read fails."""
