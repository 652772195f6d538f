"""Refusals and warnings about a feed's query, each with its location in the user's text.

The catalogue knows which functions are volatile and which relations are foreign. Some faults only the query
shows, such as an aggregate without an order. Each module has one idea; `cdc_daemon.verdicts` lists all names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sqlglot import exp

from cdc_daemon.analysis.failure import attempted
from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.lint.equal_spellings import equal_spellings
from cdc_daemon.analysis.lint.float_sums import floats
from cdc_daemon.analysis.lint.foreign_code import foreign_code
from cdc_daemon.analysis.lint.missing_order import orders
from cdc_daemon.analysis.lint.not_a_plain_select import statements
from cdc_daemon.analysis.lint.open_search_path import search_path
from cdc_daemon.analysis.lint.select_star import stars
from cdc_daemon.analysis.lint.time_dependence import clocks
from cdc_daemon.analysis.lint.unnamed_outputs import outputs
from cdc_daemon.analysis.lint.unstable_order import ties
from cdc_daemon.analysis.lint.unwatchable_relations import relations
from cdc_daemon.analysis.lint.volatile_functions import functions
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.model.scopes import Body

__all__ = ["judge", "statements", "unadvised"]


def judge(
    query: FeedQuery, catalogue: Catalogue, tree: exp.Query | None, body: Body | None
) -> tuple[Verdict, ...]:
    """Every refusal and warning about a feed's query, in the order of its text.

    Args:
        tree: the parsed definition, unchanged; None if it could not be parsed.
        body: its scopes; None if it was not understood.
    """
    context = LintContext(query, catalogue, tree, body)
    return tuple(sorted(_passes(context), key=lambda verdict: (verdict.line or 0, verdict.column or 0)))


_REFUSING: Sequence[Callable[[LintContext], Iterator[Verdict]]] = (
    lambda context: statements(context.text),
    clocks,
    functions,
    relations,
    foreign_code,
    search_path,
)
_ADVISING: Sequence[Callable[[LintContext], Iterator[Verdict]]] = (
    orders,
    ties,
    equal_spellings,
    floats,
    stars,
    outputs,
)


def _passes(context: LintContext) -> Iterator[Verdict]:
    for judged in _REFUSING:
        yield from attempted(partial(_every, judged, context), _unjudged)
    for judged in _ADVISING:
        yield from attempted(partial(_every, judged, context), unadvised)


def _every(judged: Callable[[LintContext], Iterator[Verdict]], context: LintContext) -> Sequence[Verdict]:
    return tuple(judged(context))


def _unjudged(failure: str) -> Sequence[Verdict]:
    """The refusal if a check failed: without the check a change could be lost unnoticed."""
    return (
        Verdict(
            "unjudged",
            f"whether the query can be used is not known: {failure}",
            "read in the reference which constructs are refused; if the query has none, accept this one",
        ),
    )


def unadvised(failure: str) -> Sequence[Verdict]:
    """The warning if a check for warnings failed."""
    return (Verdict("unadvised", f"a warning may be missing: {failure}", "report it; the feed works"),)
