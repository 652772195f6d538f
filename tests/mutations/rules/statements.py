"""Rules of lint about the text of a statement, and a change that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

STATED = (
    Mutation(
        "the function of a window is no aggregate, with FILTER neither",
        "aggregates_all_rows",
        (
            "isinstance(node, exp.Anonymous) and node.name.lower() in AGGREGATES and not "
            "_is_over_a_window(node)"
        ),
        "isinstance(node, exp.Anonymous) and node.name.lower() in AGGREGATES",
        killed_by=("clocks",),
    ),
    Mutation(
        "an aggregate that is taken apart yields several rows, or none",
        "Clocks._select",
        "aggregates_all_rows(select, scope.outputs) and not several",
        "aggregates_all_rows(select, scope.outputs)",
        killed_by=("clocks",),
    ),
    Mutation(
        "what is not quoted is folded",
        "spelling",
        "token.text.lower()",
        "token.text",
        killed_by=("statements",),
    ),
    Mutation(
        "a column's name behind a dot, or a label, is no keyword",
        "SqlText.keywords",
        """\
(token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
and token.text.lower() == word
and self.type_of(n - 1) not in (TokenType.DOT, TokenType.ALIAS))
""",
        """\
(token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
and token.text.lower() == word)
""",
        killed_by=("functions",),
    ),
    Mutation(
        "a product and count(*) are no stars",
        "SqlText._selects",
        "self.type_of(n) is TokenType.STAR and self.type_of(n - 1) in _BEFORE_STAR",
        "self.type_of(n) is TokenType.STAR",
        killed_by=("orders",),
    ),
    Mutation(
        "several statements are refused",
        "statements",
        "token.token_type is TokenType.SEMICOLON",
        "False",
        killed_by=("statements",),
    ),
    Mutation(
        "a WITH that writes is refused",
        "statements",
        "word in _WRITES and _begins_cte(text, n)",
        "False",
        killed_by=("statements",),
    ),
    Mutation(
        "only the first word of a CTE makes it write",
        "statements",
        "word in _WRITES and _begins_cte(text, n)",
        "word in _WRITES",
        killed_by=("statements",),
    ),
    Mutation(
        "row locks are refused",
        "statements",
        'word == "for"',
        "False",
        killed_by=("statements",),
    ),
    Mutation(
        "FOR in a call locks nothing",
        "statements",
        'word == "for" and n + 1 < len(text.tokens) and spelling(text.tokens[n + 1]) in _LOCKS',
        'word == "for" and n + 1 < len(text.tokens)',
        killed_by=("statements",),
    ),
    Mutation(
        "a minimum depends on no order",
        "floats",
        'function.kind != "aggregate" or function.schema != "pg_catalog" or function.name in _EXACT',
        'function.kind != "aggregate" or function.schema != "pg_catalog"',
        killed_by=("orders",),
    ),
    Mutation(
        "a sum of exact numbers of the same name depends on no order",
        "floats",
        "calls = [call for call in calls if _floating(subject, call)]",
        "pass",
        killed_by=("orders",),
    ),
    Mutation(
        "a column that is a float shows one",
        "_floating",
        "column.type in _FLOATS",
        "False",
        killed_by=("orders",),
    ),
    Mutation(
        "a column of a derived table is looked up inside",
        "_of_output",
        "yield from _lookups(source.body, source.columns.index(tree.name))",
        "return",
        killed_by=("indexes",),
    ),
    Mutation(
        "nobody reads the columns of EXISTS",
        "stars",
        "isinstance(select.parent, exp.Exists)",
        "False",
        killed_by=("orders",),
    ),
    Mutation(
        "a star of a derived table is named in it",
        "stars",
        "star and (alias in tables if alias else bool(tables))",
        "star",
        killed_by=("orders",),
    ),
    Mutation(
        "a whole row is every column",
        "stars",
        "not star and not node.table and alias in tables and isinstance(node.parent, exp.Anonymous)",
        "not star and not node.table and False",
        killed_by=("orders",),
    ),
    Mutation(
        "TABLE is a star",
        "stars",
        "yield from _table_commands(subject)",
        "pass",
        killed_by=("orders",),
    ),
    Mutation(
        "a CTE is no table",
        "_is_table",
        "isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and not is_cte(node)",
        "isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)",
        killed_by=("orders",),
    ),
    Mutation(
        "a quoted name is no keyword",
        "statements",
        '"" if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER) else spelling(token)',
        "spelling(token)",
        killed_by=("statements",),
    ),
    Mutation(
        "a semicolon at the end is accepted",
        "statements",
        """\
if n + 1 < len(text.tokens):
    ...
""",
        """\
if True:
    ...
""",
        killed_by=("statements",),
    ),
    Mutation(
        "behind a semicolon nothing more is told",
        "statements",
        "return",
        "pass",
        killed_by=("statements",),
    ),
    Mutation(
        "an output column that only PostgreSQL has named is told",
        "outputs",
        "output.name == _NAMELESS",
        "False",
        killed_by=("statements",),
    ),
    Mutation(
        "a CTE begins behind MATERIALIZED, too",
        "_begins_cte",
        '("as", "materialized")',
        '("as",)',
        killed_by=("statements",),
    ),
    Mutation(
        "other parentheses begin no CTE",
        "_begins_cte",
        'spelling(text.tokens[n - 2]) in ("as", "materialized")',
        "True",
        killed_by=("statements",),
    ),
    Mutation(
        "FOR KEY SHARE locks",
        "_LOCKS",
        '("update", "share", "no", "key")',
        '("update", "share", "no")',
        killed_by=("statements",),
    ),
    Mutation(
        "FOR NO KEY UPDATE locks",
        "_LOCKS",
        '("update", "share", "no", "key")',
        '("update", "share", "key")',
        killed_by=("statements",),
    ),
    Mutation(
        "FOR SHARE locks",
        "_LOCKS",
        '("update", "share", "no", "key")',
        '("update", "no", "key")',
        killed_by=("statements",),
    ),
    Mutation(
        "INSERT writes",
        "_WRITES",
        '("insert", "update", "delete", "merge")',
        '("update", "delete", "merge")',
        killed_by=("statements",),
    ),
    Mutation(
        "UPDATE writes",
        "_WRITES",
        '("insert", "update", "delete", "merge")',
        '("insert", "delete", "merge")',
        killed_by=("statements",),
    ),
    Mutation(
        "MERGE writes",
        "_WRITES",
        '("insert", "update", "delete", "merge")',
        '("insert", "update", "delete")',
        killed_by=("statements",),
    ),
    Mutation(
        "only an aggregate adds up",
        "floats",
        'function.kind != "aggregate" or function.schema != "pg_catalog" or function.name in _EXACT',
        'function.schema != "pg_catalog" or function.name in _EXACT',
        killed_by=("orders",),
    ),
    Mutation(
        "an aggregate of the user's may be exact",
        "floats",
        'function.kind != "aggregate" or function.schema != "pg_catalog" or function.name in _EXACT',
        'function.kind != "aggregate" or function.name in _EXACT',
        killed_by=("orders",),
    ),
    Mutation(
        "an aggregate of exact numbers depends on no order",
        "floats",
        """\
if not any(argument in _FLOATS for argument in function.arguments):
    continue
""",
        "pass",
        killed_by=("orders",),
    ),
    Mutation(
        "where every sum is one of floats none need show it",
        "floats",
        "any(not set(f.arguments) & set(_FLOATS) for f in same_name)",
        "True",
        killed_by=("orders",),
    ),
    Mutation(
        "a cast to a float shows one",
        "_floating",
        "cast.to.this in (exp.DType.DOUBLE, exp.DType.FLOAT)",
        "False",
        killed_by=("orders",),
    ),
    Mutation(
        "a real is a float",
        "_FLOATS",
        '("double precision", "real")',
        '("double precision",)',
        killed_by=("orders",),
    ),
    Mutation(
        "only a column that the call names shows a float",
        "_floating",
        """\
(
    column.type in _FLOATS
    for scope in (scopes_of(subject.body) if subject.body is not None else ())
    for source in scope.sources.values()
    if source.table is not None
    for column in source.table.columns.values()
    if column.name in named
)
""",
        """\
(
    column.type in _FLOATS
    for scope in (scopes_of(subject.body) if subject.body is not None else ())
    for source in scope.sources.values()
    if source.table is not None
    for column in source.table.columns.values()
)
""",
        killed_by=("orders",),
    ),
    Mutation(
        "a sum of floats in a view is told without a place",
        "floats",
        "found or [None]",
        "found",
        killed_by=("views",),
    ),
)
