"""Rules of refusals and warnings, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

TOLD = (
    Mutation(
        "a volatile function is refused",
        "_function",
        'function.volatility == "volatile"',
        "False",
        killed_by=("functions",),
    ),
    Mutation(
        "a STABLE function of the server has a reason",
        "_function",
        "told = _built_in(subject, function)",
        "pass",
        killed_by=("functions",),
    ),
    Mutation(
        "a value that is written as a name is told",
        "functions",
        "yield from _named_types(subject)",
        "pass",
        killed_by=("functions",),
    ),
    Mutation(
        "a function that is listed with its argument types is meant alone",
        "kind_of",
        "names.get(f\"{function.name}({', '.join(function.arguments)})\") or names.get(function.name)",
        "names.get(function.name)",
        killed_by=("functions",),
    ),
    Mutation(
        "a word of the session or the clock is told of views, too",
        "LintContext.locations_of_word",
        "SqlText(view.definition).keywords(word)",
        "False",
        killed_by=("views", "clocks"),
    ),
    Mutation(
        "a function that reaches outside is refused",
        "_function",
        "function.extension in _OUTSIDE",
        "False",
        killed_by=("functions", "relations"),
    ),
    Mutation(
        "a function that reads tables must be declared",
        "_function",
        "told = reads(subject, function)",
        "pass",
        killed_by=("functions",),
    ),
    Mutation(
        "the clock is refused",
        "_REFUSING",
        """\
(
    lambda subject: statements(subject.text),
    clocks,
    functions,
    relations,
    foreign_code,
    search_path,
)
""",
        """\
(
    lambda subject: statements(subject.text),
    functions,
    relations,
    foreign_code,
    search_path,
)
""",
        killed_by=("clocks",),
    ),
    Mutation(
        "beside _refresh_at the clock may not decide whether a row exists",
        "clocks",
        "yield from _deciding(subject)",
        "pass",
        killed_by=("clocks",),
    ),
    Mutation(
        "a LEFT JOIN keeps the row whatever the clock says",
        "Clocks._join",
        '"LEFT"',
        '"NONE"',
        killed_by=("clocks", "views"),
    ),
    Mutation(
        "the clock reaches a recursion's rows through the rows before",
        "Clocks._recursion",
        "found | self.query(body.step)",
        "found",
        killed_by=("clocks",),
    ),
    Mutation(
        "the first rows of a set operation may be chosen by the clock",
        "Clocks._set_operation",
        "body.limit is not None and not shared",
        "False",
        killed_by=("clocks",),
    ),
    Mutation(
        "the clock that makes a compared column decides over rows",
        "Clocks._set_operation",
        "body.compares",
        "False",
        killed_by=("clocks",),
    ),
    Mutation(
        "rows that a function of the select list makes come and go",
        "Clocks._select",
        "rows or self._first(several)",
        "rows",
        killed_by=("clocks",),
    ),
    Mutation(
        "without scopes a clock beside _refresh_at is refused",
        "_deciding",
        "own or _clock_is_read(subject)",
        "False",
        killed_by=("clocks",),
    ),
    Mutation(
        "relations that no trigger can watch are refused",
        "_REFUSING",
        """\
(
    lambda subject: statements(subject.text),
    clocks,
    functions,
    relations,
    foreign_code,
    search_path,
)
""",
        """\
(
    lambda subject: statements(subject.text),
    clocks,
    functions,
    foreign_code,
    search_path,
)
""",
        killed_by=("relations",),
    ),
    Mutation(
        "a schema of the search path in which others may create is told",
        "search_path",
        "subject.catalogue.creators.items()",
        "()",
        killed_by=("paths",),
    ),
    Mutation(
        "code of untrusted roles is refused",
        "foreign_code",
        "subject.catalogue.code.foreign",
        "()",
        killed_by=("foreign_code",),
    ),
    Mutation(
        "aggregates and LIMIT without an order are told",
        "_ADVISING",
        """\
(
    orders,
    ties,
    equal_spellings,
    floats,
    stars,
    outputs,
)
""",
        """\
(
    ties,
    equal_spellings,
    floats,
    stars,
    outputs,
)
""",
        killed_by=("orders",),
    ),
    Mutation(
        "views are searched for them, too",
        "orders",
        "subject.catalogue.views.values()",
        "()",
        killed_by=("views",),
    ),
    Mutation(
        "an order that leaves ties is told",
        "_ADVISING",
        """\
(
    orders,
    ties,
    equal_spellings,
    floats,
    stars,
    outputs,
)
""",
        """\
(
    orders,
    equal_spellings,
    floats,
    stars,
    outputs,
)
""",
        killed_by=("orders",),
    ),
    Mutation(
        "an order inside a view is told at the view's place",
        "_told",
        "view is not None",
        "False",
        killed_by=("views",),
    ),
    Mutation(
        "a unique key settles an order",
        "_of_source",
        "any(key <= mine for key in keys_of_table(source))",
        "False",
        killed_by=("orders",),
    ),
    Mutation(
        "an equality settles what it ties to the order",
        "_closure",
        "known |= _equated(scope, q, known)",
        "pass",
        killed_by=("orders",),
    ),
    Mutation(
        "sums of floats are told",
        "_ADVISING",
        """\
(
    orders,
    ties,
    equal_spellings,
    floats,
    stars,
    outputs,
)
""",
        """\
(
    orders,
    ties,
    equal_spellings,
    stars,
    outputs,
)
""",
        killed_by=("orders", "functions"),
    ),
    Mutation(
        "a star is told",
        "_ADVISING",
        """\
(
    orders,
    ties,
    equal_spellings,
    floats,
    stars,
    outputs,
)
""",
        """\
(
    orders,
    ties,
    equal_spellings,
    floats,
    outputs,
)
""",
        killed_by=("statements", "views"),
    ),
    Mutation(
        "an aggregate is looked up in no table",
        "_lookups.in_select",
        "scope.bindable[n]",
        "True",
        killed_by=("views",),
    ),
)
"""Rules about refusals and warnings: without one a case of tests/fixtures/verdicts is told otherwise."""
