"""Failed items and failed entities: numbers for everybody, themselves for those who may see documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cdc_daemon.dashboard.definitions import Asked, Forbidden
from cdc_daemon.feeds.failed_entities import named
from cdc_daemon.feeds.stored import StoredDocuments
from cdc_daemon.insight.documents.lists import require_stored
from cdc_daemon.insight.json_values import masked_text
from cdc_daemon.insight.trace.subject import stored_definition
from cdc_daemon.workers import control
from cdc_daemon.workers.chosen_items import ItemChoice, ItemCount, ListedItem, count_items, page_of_items

LIMIT = 50
"""Number of items on a page, and of failed entities."""


@dataclass(frozen=True)
class FailedQuestion:
    """Which failed items.

    Attributes:
        feed, sink: only of these.
        state: `parked` (it waits for a person) or `refused` (it is tried again).
        status: the receiver's code.
        words: a part of the receiver's words, in upper or lower case.
        after: `next` of the page before.
    """

    feed: str | None = None
    sink: str | None = None
    state: Literal["parked", "refused"] | None = None
    status: str | None = None
    words: str | None = None
    after: str | None = None


@dataclass(frozen=True)
class FailedCount:
    """How many items a sink refused of a feed, by the receiver's code and whether they are parked."""

    sink: str
    feed: str
    status: str | None
    parked: bool
    number: int
    since: datetime


@dataclass(frozen=True)
class FailedDocument:
    """A document that a sink refused.

    Attributes:
        id: names the item in actions.
        key: a JSON object, without the values of masked fields.
        address: the key for links to the document; None if a column of the key is masked.
        status, reason: the receiver's words.
        next_attempt_at: None if the item is parked.
        document: what was refused, as JSON without the values of masked fields; None if a later revision is
            stored, or none.
        deleted: whether the delete of the document was refused.
    """

    id: str
    sink: str
    feed: str
    key: str
    address: str | None
    revision: int
    attempts: int
    status: str | None
    reason: str
    first_failed_at: datetime
    next_attempt_at: datetime | None
    document: str | None
    deleted: bool


@dataclass(frozen=True)
class FailedEntityTold:
    """An entity for which the feed's query fails.

    Attributes:
        entity: values by column; None for unknown entities.
        status: the SQLSTATE; None if a document is too large.
        retry_at: when it is tried without a change; None: when a change reaches it.
    """

    feed: str
    entity: Mapping[str, str] | None
    attempts: int
    status: str | None
    reason: str
    first_failed_at: datetime
    retry_at: datetime | None


@dataclass(frozen=True)
class Failed:
    """What failed.

    Attributes:
        counts: of all items, whatever was asked for; `more` if not all were counted.
        items: a page of those that were asked for, the newest first; None without the right to documents.
        next: the value of `after` for the next page; None if this page is the last one.
        entities: number of failed entities by feed, counted up to 10,000.
        failed_entities: the oldest of them; None without the right to documents.
        feeds, sinks: names, for the filters.
    """

    counts: Sequence[FailedCount]
    more: bool
    items: Sequence[FailedDocument] | None
    next: str | None
    entities: Mapping[str, int]
    failed_entities: Sequence[FailedEntityTold] | None
    feeds: Sequence[str]
    sinks: Sequence[str]


def failed(asked: Asked, question: FailedQuestion) -> Failed:
    """Return what failed."""
    choice = choice_of(asked, question.feed, question.sink, question.state, question.status, question.words)
    counts, more = count_items(asked.connection, list(asked.settings.feeds))
    entities = control.count_failed_entities(asked.connection, choice.feeds)
    told = _counts(counts, with_status=asked.viewer.documents)
    names = (list(asked.settings.feeds), list(asked.settings.sinks))
    if not asked.viewer.documents:
        if question.words is not None or question.status is not None:
            raise Forbidden("the receiver's words may quote documents", hint="ask for the right to documents")
        return Failed(told, more, None, None, entities, None, *names)
    page = page_of_items(asked.connection, choice, after=question.after, limit=LIMIT)
    of_items = question.sink is not None or question.state is not None
    shown = [] if of_items else control.failed_entities(asked.connection, choice.feeds, limit=LIMIT)
    mask = set(asked.settings.log.mask)
    return Failed(
        told,
        more,
        _documents(asked, page.items),
        page.next,
        entities,
        [
            FailedEntityTold(
                each.feed,
                None
                if each.entity is None
                else {
                    name: "***" if name in mask else str(value)
                    for name, value in named(
                        asked.settings.feeds[each.feed].entity, tuple(each.entity)
                    ).items()
                },
                each.attempts,
                each.status,
                each.reason,
                each.first_failed_at,
                each.retry_at,
            )
            for each in shown
        ],
        *names,
    )


def choice_of(
    asked: Asked, feed: str | None, sink: str | None, state: str | None, status: str | None, words: str | None
) -> ItemChoice:
    """Return the choice of failed items with these properties; None asks for nothing."""
    if feed is not None:
        asked.require_feed(feed)
    if sink is not None:
        asked.require_sink(sink, feed)
    feeds = [feed] if feed else list(asked.settings.feeds)
    parked = None if state is None else state == "parked"
    return ItemChoice(feeds, sink, status=status, words=words, parked=parked)


def _counts(counts: Sequence[ItemCount], *, with_status: bool) -> list[FailedCount]:
    """Return the numbers. The receiver's codes are its own words: without them, those of all codes add up."""
    found: dict[tuple[str, str, str | None, bool], FailedCount] = {}
    for each in counts:
        place = (each.sink, each.feed, each.status if with_status else None, each.parked)
        before = found.get(place)
        number = each.number + (before.number if before else 0)
        since = min(each.since, before.since) if before else each.since
        found[place] = FailedCount(*place, number, since)
    return list(found.values())


def _documents(asked: Asked, items: Sequence[ListedItem]) -> list[FailedDocument]:
    mask = set(asked.settings.log.mask)
    stored: dict[tuple[str, str], tuple[int, bytes | None]] = {}
    for feed in dict.fromkeys(each.item.feed for each in items):
        if stored_definition(asked.connection, asked.settings, feed) is None:
            continue
        documents = StoredDocuments(require_stored(asked.connection, asked.settings, feed))
        keys = [each.item.key for each in items if each.item.feed == feed]
        found = documents.documents(asked.connection, keys)
        stored.update({(feed, key): each for key, each in found.items()})
    return [_document(asked, each, stored.get((each.item.feed, each.item.key)), mask) for each in items]


def _document(
    asked: Asked, each: ListedItem, stored: tuple[int, bytes | None] | None, mask: set[str]
) -> FailedDocument:
    item = each.item
    present = stored is not None and stored[0] == item.revision
    document = stored[1] if stored is not None and present else None
    hidden = bool(mask & set(asked.settings.feeds[item.feed].key))
    return FailedDocument(
        id=id_text(each),
        sink=item.sink,
        feed=item.feed,
        key=masked_text(item.key, mask),
        address=None if hidden else item.key,
        revision=item.revision,
        attempts=item.attempts,
        status=item.status,
        reason=item.reason,
        first_failed_at=item.first_failed_at,
        next_attempt_at=item.next_attempt_at,
        document=None if document is None else masked_text(document.decode(), mask),
        deleted=present and document is None,
    )


def id_text(each: ListedItem) -> str:
    """Return the text that names an item in forms: digest, sink and feed."""
    return f"{each.id.digest} {each.id.sink} {each.id.feed}"
