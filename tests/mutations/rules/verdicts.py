"""Rules of refusals and warnings, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

TOLD = (
    Mutation(
        "a volatile function is refused",
        "verdicts.functions",
        'elif function.volatility == "volatile" or (builtin and function.name in _EACH_RUN):',
        "elif builtin and function.name in _EACH_RUN:",
        killed_by=("functions",),
    ),
    Mutation(
        "a function that reaches outside is refused",
        "verdicts.functions",
        "    elif function.extension in _OUTSIDE:\n",
        "    elif False:\n",
        killed_by=("functions", "relations"),
    ),
    Mutation(
        "a function that reads tables must be declared",
        "verdicts.functions",
        "        told = reads(subject, function)\n",
        "        pass\n",
        killed_by=("functions",),
    ),
    Mutation(
        "the clock is refused",
        "verdicts.__init__",
        "    clocks,\n",
        "",
        killed_by=("clocks",),
    ),
    Mutation(
        "beside _refresh_at the clock may not decide whether a row exists",
        "verdicts.clocks",
        "        yield from _deciding(subject)\n",
        "        pass\n",
        killed_by=("clocks",),
    ),
    Mutation(
        "a LEFT JOIN keeps the row whatever the clock says",
        "verdicts.clocks",
        '            case "LEFT":  # the row stays; whether these columns are NULL depends on the clock\n',
        '            case "NONE":\n',
        killed_by=("clocks", "views"),
    ),
    Mutation(
        "relations that no trigger can watch are refused",
        "verdicts.__init__",
        "    relations,\n",
        "",
        killed_by=("relations",),
    ),
    Mutation(
        "a schema of the search path in which others may create is told",
        "verdicts.search_path",
        "in subject.catalogue.creators.items():",
        "in ():",
        killed_by=("paths",),
    ),
    Mutation(
        "code of strangers is refused",
        "verdicts.strangers",
        "    for code in subject.catalogue.code.foreign:\n",
        "    for code in ():\n",
        killed_by=("strangers",),
    ),
    Mutation(
        "aggregates and LIMIT without an order are told",
        "verdicts.__init__",
        "    orders,\n",
        "",
        killed_by=("orders",),
    ),
    Mutation(
        "views are searched for them, too",
        "verdicts.orders",
        "    for view in subject.catalogue.views.values():\n",
        "    for view in ():\n",
        killed_by=("views",),
    ),
    Mutation(
        "an order that leaves ties is told",
        "verdicts.__init__",
        "    ties,\n",
        "",
        killed_by=("orders",),
    ),
    Mutation(
        "an order inside a view is told at the view's place",
        "verdicts.ties",
        "    if view is not None:\n",
        "    if False:\n",
        killed_by=("views",),
    ),
    Mutation(
        "a unique key settles an order",
        "verdicts.determined",
        "        if any(key <= mine for key in keys_of_table(source)):",
        "        if False:",
        killed_by=("orders",),
    ),
    Mutation(
        "an equality settles what it ties to the order",
        "verdicts.determined",
        "            known |= _equated(scope, q, known)\n",
        "            pass\n",
        killed_by=("orders",),
    ),
    Mutation(
        "sums of floats are told",
        "verdicts.__init__",
        "    floats,\n",
        "",
        killed_by=("orders", "functions"),
    ),
    Mutation(
        "a star is told",
        "verdicts.__init__",
        "    stars,\n",
        "",
        killed_by=("statements", "views"),
    ),
    Mutation(
        "an aggregate is looked up in no table",
        "lookups",
        " and body.bindable[n]:",
        ":",
        killed_by=("views",),
    ),
)
"""Rules about refusals and warnings: without one a case of tests/fixtures/verdicts is told otherwise."""
