"""What is refused in a feed's query and what is warned about, each with its place in the user's text.

Whether a function is volatile or a relation is foreign is the catalogue's word; what the server can't know
(an aggregate whose order is left open) is read off the query. One idea a file; `cdc_daemon.verdicts` names
them all.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from cdc_daemon.analysis.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.plan import Verdict
from cdc_daemon.analysis.scopes import Body
from cdc_daemon.analysis.verdicts.clocks import clocks
from cdc_daemon.analysis.verdicts.floats import floats
from cdc_daemon.analysis.verdicts.functions import functions
from cdc_daemon.analysis.verdicts.orders import orders
from cdc_daemon.analysis.verdicts.outputs import outputs
from cdc_daemon.analysis.verdicts.relations import relations
from cdc_daemon.analysis.verdicts.search_path import search_path
from cdc_daemon.analysis.verdicts.stars import stars
from cdc_daemon.analysis.verdicts.statements import statements
from cdc_daemon.analysis.verdicts.strangers import strangers
from cdc_daemon.analysis.verdicts.subject import Subject
from cdc_daemon.analysis.verdicts.ties import ties

__all__ = ["judge", "statements"]


def judge(
    query: FeedQuery, catalogue: Catalogue, tree: exp.Query | None, body: Body | None
) -> tuple[Verdict, ...]:
    """Every refusal and warning about a feed's query, in the order of its text.

    Args:
        tree: the definition as it was parsed, unchanged; None if it could not be.
        body: its scopes; None if it was not understood.
    """
    subject = Subject(query, catalogue, tree, body)
    return tuple(sorted(_passes(subject), key=lambda verdict: (verdict.line or 0, verdict.column or 0)))


def _passes(subject: Subject) -> Iterator[Verdict]:
    yield from statements(subject.text)
    yield from clocks(subject)
    yield from functions(subject)
    yield from relations(subject)
    yield from strangers(subject)
    yield from search_path(subject)
    yield from orders(subject)
    yield from ties(subject)
    yield from floats(subject)
    yield from stars(subject)
    yield from outputs(subject)
