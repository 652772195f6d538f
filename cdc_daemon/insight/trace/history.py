"""Reads what happened to one document: revisions, recomputations without a change, deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cdc_daemon.insight.history import (
    Recomputation,
    Revision,
    SinkDelivery,
    deliveries,
    known_since,
    recomputations,
    revisions,
)
from cdc_daemon.insight.trace.facts import DocumentHistory, Event, Stored
from cdc_daemon.pg.session import Connection

MOST_REVISIONS = 10
"""How many revisions of a document an answer tells."""


def read_history(
    connection: Connection, feed: str, entity: Sequence[str] | None, stored: Stored | None
) -> DocumentHistory:
    """Return what the history knows of a document, the newest first.

    Args:
        entity: the values of the entity columns; None if nobody knows them.
        stored: the stored row of the document.
    """
    since = known_since(connection)
    found = revisions(connection, feed, stored.revision, limit=MOST_REVISIONS) if stored else []
    passes = recomputations(connection, feed, tuple(entity), limit=MOST_REVISIONS) if entity else []
    told = {each.revision: deliveries(connection, feed, each.revision) for each in found}
    return DocumentHistory(since, tuple(_events(found, passes, told)))


def _events(
    found: Sequence[Revision],
    passes: Sequence[Recomputation],
    told: Mapping[int, Sequence[SinkDelivery]],
) -> Iterator[Event]:
    """Yield revisions, and passes that changed nothing since the oldest of them."""
    events: list[Event] = []
    newer: Sequence[SinkDelivery] = ()
    given: dict[str, None] = {}
    for each in found:
        sent = _sent(told[each.revision], newer)
        skipped = [sink for sink in given if sink not in {one.sink for one in sent}]
        events.append(Event(each.stored_at, each, None, sent, tuple(skipped)))
        newer = told[each.revision]
        given |= dict.fromkeys(one.sink for one in sent)
    oldest = found[-1].stored_at if found else None
    events += [
        Event(each.at, None, each)
        for each in passes
        if not any(each.changed(revision.revision) for revision in found)
        and (oldest is None or each.at >= oldest)
    ]
    yield from sorted(events, key=lambda event: event.at, reverse=True)


def _sent(own: Sequence[SinkDelivery], newer: Sequence[SinkDelivery]) -> tuple[SinkDelivery, ...]:
    """Return the deliveries of a revision itself.

    A page of the log that has two revisions of a document sends the newer one. A page is taken without the
    records that the sink refused.
    """
    pages = {(each.sink, each.delivered_at) for each in newer if each.kind == "page"}
    refused = {(each.sink, each.delivered_at) for each in own if each.kind == "refused"}

    def is_without(page: SinkDelivery) -> bool:
        return page.kind == "page" and any(
            sink == page.sink and refused_at <= page.delivered_at for sink, refused_at in refused
        )

    return tuple(each for each in own if (each.sink, each.delivered_at) not in pages and not is_without(each))
