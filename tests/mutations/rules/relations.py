"""Rules of lint about functions and relations that a query reads, and a change that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

RELATED = (
    Mutation(
        "what PostgreSQL recorded must be declared",
        "reads",
        "_recorded(subject, function)",
        "None",
        killed_by=("functions",),
    ),
    Mutation(
        "what is declared is believed",
        "reads",
        """\
if subject.query.reads is not None:
    return None
""",
        "pass",
        killed_by=("functions",),
    ),
    Mutation(
        "a function in C that runs SQL",
        "_compiled",
        "runs is not None",
        "False",
        killed_by=("functions",),
    ),
    Mutation(
        "an IMMUTABLE function in C depends on its arguments",
        "_compiled",
        """\
if function.volatility == "immutable":
    return None
""",
        "pass",
        killed_by=("functions",),
    ),
    Mutation(
        "what a body shows it reads",
        "_written",
        "shows is not None",
        "False",
        killed_by=("functions",),
    ),
    Mutation(
        "an IMMUTABLE function that shows no table reads none",
        "_written",
        """\
if function.volatility == "immutable":
    return None
""",
        "pass",
        killed_by=("functions",),
    ),
    Mutation(
        "a STABLE function may read tables",
        "_written",
        """\
if function.volatility == "immutable":
    return None
""",
        "return None",
        killed_by=("functions",),
    ),
    Mutation(
        "what is declared already stays declared",
        "declare",
        "[*map(str, subject.query.reads or ()), *known]",
        "[*known]",
        killed_by=("functions",),
    ),
    Mutation(
        "a relation of another kind than a table is refused",
        "_verdicts",
        "table.kind in _KINDS",
        "False",
        killed_by=("relations",),
    ),
    Mutation(
        "partitions that are foreign tables are refused",
        "_verdicts",
        """\
if table.foreign_parts:
    ...
""",
        """\
if False:
    ...
""",
        killed_by=("relations",),
    ),
    Mutation(
        "an UNLOGGED table is told",
        "_verdicts",
        "table.unlogged",
        "False",
        killed_by=("relations",),
    ),
    Mutation(
        "a table without the right to read it is refused",
        "_verdicts",
        "not table.readable",
        "False",
        killed_by=("relations",),
    ),
    Mutation(
        "row security that hides rows is refused",
        "_verdicts",
        """\
if table.row_security:
    ...
""",
        """\
if False:
    ...
""",
        killed_by=("relations",),
    ),
    Mutation(
        "a view without the right to read it is refused",
        "relations",
        "yield from _views(subject)",
        "pass",
        killed_by=("views",),
    ),
    Mutation(
        "a table behind a view has the view's place",
        "LintContext.location_of",
        "waiting += readers",
        "pass",
        killed_by=("views",),
    ),
    Mutation(
        "a call in a view is told at the view",
        "LintContext.locations_of",
        "any(_calls(tree, function))",
        "False",
        killed_by=("views",),
    ),
    Mutation(
        "what PostgreSQL recorded and the feed declares is not told",
        "_recorded",
        """\
if not missing:
    return None
""",
        "pass",
        killed_by=("functions",),
    ),
    Mutation(
        "a function in C shows no body",
        "reads",
        "_compiled(subject, function) if function.compiled else _written(subject, function)",
        "_written(subject, function)",
        killed_by=("functions",),
    ),
    Mutation(
        "a body in PL/pgSQL shows what it reads",
        "_written",
        'function.language in ("sql", "plpgsql")',
        'function.language == "sql"',
        killed_by=("functions",),
    ),
    Mutation(
        "a body that puts SQL together is told so",
        "_written",
        'shows == "EXECUTE"',
        "False",
        killed_by=("functions",),
    ),
    Mutation(
        "where nothing is known the remedy has an example",
        "declare",
        'list(dict.fromkeys([*map(str, subject.query.reads or ()), *known])) or ["schema.table"]',
        "list(dict.fromkeys([*map(str, subject.query.reads or ()), *known]))",
        killed_by=("functions",),
    ),
    Mutation(
        "a table that may not be read is told nothing of its rows",
        "_verdicts",
        """\
if not table.readable:
    what = f"the role {role} may not read {table.name}"
    yield "no-right", what, f"GRANT SELECT ON {table.name.quoted} TO {role}"
elif table.row_security:
    what = f"row-level security of {table.name} applies to the role {role}, even where it hides nothing"
    forced = table.row_security == "forced"
    other = f"ALTER TABLE {table.name.quoted} NO FORCE ROW LEVEL SECURITY" if forced else _AS_OWNER
    hint = (
        f"ALTER ROLE {role} BYPASSRLS, or {other}. A policy USING (true) "
        "does not help: the daemon sets row_security = off, so that no row can be hidden silently"
    )
    yield "row-security", what, hint
""",
        """\
if not table.readable:
    what = f"the role {role} may not read {table.name}"
    yield "no-right", what, f"GRANT SELECT ON {table.name.quoted} TO {role}"
if table.row_security:
    what = f"row-level security of {table.name} applies to the role {role}, even where it hides nothing"
    forced = table.row_security == "forced"
    other = f"ALTER TABLE {table.name.quoted} NO FORCE ROW LEVEL SECURITY" if forced else _AS_OWNER
    hint = (
        f"ALTER ROLE {role} BYPASSRLS, or {other}. A policy USING (true) "
        "does not help: the daemon sets row_security = off, so that no row can be hidden silently"
    )
    yield "row-security", what, hint
""",
        killed_by=("relations",),
    ),
    Mutation(
        "a view behind another is read with its owner's rights",
        "_views",
        "not view.readable and location is not None",
        "not view.readable",
        killed_by=("views",),
    ),
    Mutation(
        "a view that may be read is not told",
        "_views",
        "not view.readable and location is not None",
        "location is not None",
        killed_by=("views",),
    ),
    Mutation(
        "a call that the definition lacks is looked for by its name",
        "LintContext.locations_of",
        "self.locations.of_name(function.name, called=True)",
        "None",
        killed_by=("functions",),
    ),
    Mutation(
        "a call whose place is known is told there alone",
        "LintContext.locations_of",
        """\
if known:
    yield from known
else:
    yield self.locations.of_name(function.name, called=True)
""",
        """\
yield from known
if True:
    yield self.locations.of_name(function.name, called=True)
""",
        killed_by=("functions",),
    ),
)
