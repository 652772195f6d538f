"""Rules of routes, indexes and function bodies, and a change that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

PARTS = (
    Mutation(
        "what is reached twice is followed once",
        "Work.extended.once",
        "known.get(question)",
        "None",
        killed_by=("test_work",),
    ),
    Mutation(
        "a place whose ways were not all followed is read whole",
        "_routed",
        "found.give_up()",
        "pass",
        killed_by=("test_work",),
    ),
    Mutation(
        "an error of the user's query is told as one, and is no defect",
        "attempted",
        """\
try:
    return work()
except CdcError:
    raise
except Exception as error:  # whatever a defect raises, the feed must not be lost to it
    return otherwise(told_failure(error))
""",
        """\
try:
    return work()
except Exception as error:  # whatever a defect raises, the feed must not be lost to it
    return otherwise(told_failure(error))
""",
        killed_by=("test_failure",),
    ),
    Mutation(
        "a defect is told with its place",
        "told_failure",
        "error.__traceback__",
        "None",
        killed_by=("test_failure",),
    ),
    Mutation(
        "a collation that is written out stays inside",
        "_typed",
        "WRITTEN in collations_of(value.tree)",
        "False",
        killed_by=("test_collations",),
    ),
    Mutation(
        "an expression of a group's key is not that of each of its rows",
        "_handed_on",
        "_of_each_row(scope, found)",
        "found",
        killed_by=("test_collations",),
    ),
    Mutation(
        "an arm's equal value is none of a union that compares otherwise",
        "_from_arm",
        "{n: value for n, value in values.items() if n not in lost}",
        "{n: value for n, value in values.items() }",
        killed_by=("test_collations",),
    ),
    Mutation(
        "a table that the feed declares for a function means every entity",
        "completed",
        "(*located, *_declared(query, catalogue))",
        "located",
        killed_by=("test_completed",),
    ),
    Mutation(
        "a table that no trigger can watch has no occurrence",
        "completed",
        "(each for each in occurrences if each.table not in unwatched)",
        "(each for each in occurrences)",
        killed_by=("test_completed",),
    ),
    Mutation(
        "a fallback over several tables is told apart rather than read whole",
        "_paths",
        "len(known) == len(goals) and not whole.reads_whole()",
        "True",
        killed_by=("test_fallbacks",),
    ),
    Mutation(
        "a query that knows of the row around ranks before those that ask it",
        "rank_sources",
        "not scope.correlated(source)",
        "False",
        killed_by=("test_correlation",),
    ),
    Mutation(
        "where nothing else leads on, such a query ranks lowest whatever is shown",
        "plan_of",
        "goals or beside or every",
        "goals or every",
        killed_by=("test_correlation",),
    ),
    Mutation(
        "the columns of such a query lead nowhere, if the scope around can't say where",
        "demand_of",
        "frozenset() if scope.correlated(source) else outputs",
        "outputs",
        killed_by=("test_correlation",),
    ),
    Mutation(
        "what stands between a table and such a query is visited",
        "routes_through_correlated",
        "path.bind([each])",
        "pass",
        killed_by=("test_correlation",),
    ),
    Mutation(
        "what is asked of such a query leads out of it",
        "_rows_of_select",
        "outer += [] if asked is None else asked(body)",
        "pass",
        killed_by=("test_names",),
    ),
    Mutation(
        "inside such a query another one may know",
        "_rows_of_select",
        "None if opened else routes_through_correlated(plan, path, state, None, fragment)",
        "None",
        killed_by=("test_correlation",),
    ),
    Mutation(
        "a base that yields a column from around is compared by a step's type",
        "routes_to_outer_rows",
        "output_type(body.base, n) or output_type(body.step, n)",
        "output_type(body.base, n)",
        killed_by=("test_correlation",),
    ),
    Mutation(
        "equal and both NULL are looked up apart",
        "_joined",
        "[equal_or_both_null(condition) for condition in _take(waiting, aliased)]",
        "_take(waiting, aliased)",
        killed_by=("test_nullability",),
    ),
    Mutation(
        "what is looked up in two cases is looked up by its column",
        "_visits_of",
        "(exp.EQ, exp.NullSafeEQ)",
        "exp.EQ",
        killed_by=("test_nullability",),
    ),
    Mutation(
        "a verdict is accepted by its own name alone",
        "accepting",
        "each.name in names",
        "bool(names)",
        killed_by=("test_completed",),
    ),
    Mutation(
        "where a recomputation finds the entity is part of the analysis",
        "completed",
        "attempted(lambda: lookups(body, query.entity), lambda _: ())",
        "()",
        killed_by=("test_completed",),
    ),
    Mutation(
        "a table of a query that is not understood has its first place",
        "_located",
        "location is None",
        "True",
        killed_by=("test_completed",),
    ),
    Mutation(
        "an index serves that begins with a column of the visit",
        "served",
        """\
if first in visit.columns:
    return True
""",
        "pass",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "an index serves by its first column",
        "served",
        "first in visit.columns",
        "set(index) & set(visit.columns)",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "an index on an expression serves a visit by it",
        "served",
        ("bool({_normal(each) for each in table.index_expressions} & set(map(_normal, visit.expressions)))"),
        "False",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "two spellings of an expression are one",
        "_normal",
        'render(parse(f"SELECT {expression}").expressions[0].unnest())',
        "expression",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "a small table needs no index",
        "_wanted",
        "table.rows and table.rows < SMALL_TABLE_ROWS",
        "False",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "a table that is empty yet needs its index",
        "_wanted",
        "table.rows and table.rows < SMALL_TABLE_ROWS",
        "table.rows < SMALL_TABLE_ROWS",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "an index of a partitioned table is not made CONCURRENTLY",
        "create_index",
        '"CREATE INDEX" if table.partitioned else "CREATE INDEX CONCURRENTLY"',
        '"CREATE INDEX CONCURRENTLY"',
        killed_by=("test_indexes",),
    ),
    Mutation(
        "a missing index is told once",
        "missing_indexes",
        "create is None or create in told",
        "create is None",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "a table that can't be watched is told no index",
        "_wanted",
        "table is None or not table.watchable or served(visit, table)",
        "table is None or served(visit, table)",
        killed_by=("test_indexes",),
    ),
    Mutation(
        "dynamic SQL shows in a body",
        "relation_read",
        """\
if word == 'execute':
    return 'EXECUTE'
elif word in ('from', 'join', 'using') and callers[-1] not in _CALLS_WITH_FROM:
    if word == 'from' and _word(text, n - 1) == 'distinct':
        continue
    name = _relation(text, n + 1)
    if name is not None:
        return name
""",
        """\
if word in ('from', 'join', 'using') and callers[-1] not in _CALLS_WITH_FROM:
    if word == 'from' and _word(text, n - 1) == 'distinct':
        continue
    name = _relation(text, n + 1)
    if name is not None:
        return name
""",
        killed_by=("test_function_bodies",),
    ),
    Mutation(
        "FROM is a part of some calls",
        "relation_read",
        'word in ("from", "join", "using") and callers[-1] not in _CALLS_WITH_FROM',
        'word in ("from", "join", "using")',
        killed_by=("test_function_bodies",),
    ),
    Mutation(
        "IS DISTINCT FROM reads nothing",
        "relation_read",
        'word == "from" and _word(text, n - 1) == "distinct"',
        "False",
        killed_by=("test_function_bodies",),
    ),
    Mutation(
        "a body joins what it reads",
        "relation_read",
        '("from", "join", "using")',
        '("from", "using")',
        killed_by=("test_function_bodies",),
    ),
    Mutation(
        "a function in FROM is no relation",
        "_relation",
        "not parts or text.type_of(after) is TokenType.L_PAREN",
        "not parts",
        killed_by=("test_function_bodies",),
    ),
    Mutation(
        "ONLY and LATERAL stand before a name",
        "_relation",
        '_word(text, n) in ("only", "lateral")',
        "False",
        killed_by=("test_function_bodies",),
    ),
    Mutation(
        "a word of the clock in a body",
        "reads_clock",
        "bool(words & CLOCK_WORDS) or any(text.named(name, called=True) for name in CLOCKS)",
        "any(text.named(name, called=True) for name in CLOCKS)",
        killed_by=("test_function_bodies",),
    ),
    Mutation(
        "a call of the clock in a body",
        "reads_clock",
        "bool(words & CLOCK_WORDS) or any(text.named(name, called=True) for name in CLOCKS)",
        "bool(words & CLOCK_WORDS)",
        killed_by=("test_function_bodies",),
    ),
    Mutation(
        "a clock that goes on within a transaction",
        "runs_on",
        "any(text.named(name, called=True) for name in RUNNING_CLOCKS)",
        "False",
        killed_by=("test_function_bodies",),
    ),
)
