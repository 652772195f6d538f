"""Why a document was recomputed, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cdc_daemon.insight.history import Cause, Recomputation, Revision
from cdc_daemon.insight.trace.phrases import counted

MOST_NAMED = 3
"""How many transactions of a pass are named."""

_DID: Mapping[str | None, str] = {
    "insert": "inserted into",
    "update": "updated",
    "delete": "deleted from",
    "truncate": "truncated",
    None: "changed",
}


def cause(each: Cause) -> str:
    """Return what a transaction did to a table."""
    rows = "" if each.rows is None else f" ({counted(each.rows, 'row')})"
    writer = [
        f"application {each.application}" if each.application else "",
        f"user {each.user}" if each.user else "",
    ]
    by = ", ".join(part for part in writer if part)
    return f"transaction {each.transaction} {_DID[each.operation]} {each.table}{rows}" + (
        f", {by}" if by else ""
    )


def reason(of: Revision | Recomputation) -> str | None:
    """Return why a pass recomputed; None if nothing was recorded.

    A pass that read several transactions knows all of them, and not which of them reached the document.
    """
    if of.requests:
        request = of.requests[0]
        told = _causes(request.causes, request.transactions)
        return f"the backlog ({request.reason}{f': {told}' if told else ''})"
    return _causes(of.causes, of.transactions)


def tables(of: Revision | Recomputation) -> str | None:
    """Return the changed tables of a pass, or the reason of its request."""
    if of.requests:
        return f"a request was in the backlog ({of.requests[0].reason})"
    names = list(dict.fromkeys(each.table for each in of.causes))
    return f"{' or '.join(names)} changed" if names else None


def _causes(causes: Sequence[Cause], transactions: int) -> str | None:
    if not causes:
        return None
    named = "; ".join(map(cause, causes[:MOST_NAMED]))
    more = transactions - min(len(causes), MOST_NAMED)
    return named if more <= 0 else f"{named}; and {more:,} more"
