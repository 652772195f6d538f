"""The documents of a feed: a list by last update, by key or by a sink's state, and the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cdc_daemon.dashboard.definitions import Asked, BadQuestion
from cdc_daemon.insight.documents.lists import list_documents
from cdc_daemon.insight.documents.rows import DocumentRow
from cdc_daemon.insight.documents.search import SEARCH_SECONDS, documents_by_key, documents_by_value
from cdc_daemon.insight.json_values import masked_text

LIMIT = 50
"""Number of documents on a page."""


@dataclass(frozen=True)
class DocumentsQuestion:
    """Which documents of a feed.

    Attributes:
        feed: name of the feed.
        order: by last update, the newest first, or by key.
        sink, state: only documents of which the sink has this.
        key: instead of a list: the documents whose key has these values.
        value: instead of a list: the documents that have this value, or a part of it, in any field.
        field: with `value`: only in fields of this name.
        after: `next` of the page before.
    """

    feed: str
    order: Literal["update", "key"] = "update"
    sink: str | None = None
    state: Literal["delivered", "waiting", "refused", "parked"] | None = None
    key: str | None = None
    value: str | None = None
    field: str | None = None
    after: str | None = None


@dataclass(frozen=True)
class ListedDocument:
    """A document in a list.

    Attributes:
        key: a JSON object, without the values of masked fields.
        address: the key for links to the document; None if a column of the key is masked.
        deleted: whether it is a tombstone.
        size: bytes of the document.
        sinks: `delivered`, `waiting`, `refused` or `parked` for each sink.
    """

    key: str
    address: str | None
    revision: int
    deleted: bool
    captured_at: datetime
    modified_at: datetime
    size: int
    sinks: Mapping[str, str]


@dataclass(frozen=True)
class Documents:
    """A page of documents.

    Attributes:
        sinks: names of the feed's sinks.
        order: `update`, `key` or `delivery` (in which the sink gets them).
        next: the value of `after` for the next page; None if this page is the last one.
        log_ends: whether the list by last update ends because the feed's log begins here.
        searched: number of documents that a search by value has read at least; None if nothing was searched.
        search_seconds: how long such a search lasts at most.
    """

    feed: str
    sinks: Sequence[str]
    documents: Sequence[ListedDocument]
    order: str
    next: str | None = None
    log_ends: bool = False
    searched: int | None = None
    search_seconds: float = SEARCH_SECONDS


def documents(asked: Asked, question: DocumentsQuestion) -> Documents:
    """Return the documents that were asked for."""
    asked.require_feed(question.feed)
    if question.sink is not None:
        asked.require_sink(question.sink, question.feed)
    settings, feed = asked.settings, question.feed
    hidden = bool(set(settings.log.mask) & set(settings.feeds[feed].key))
    by_key = question.value is not None or question.order == "key" or question.state == "waiting"
    if hidden and by_key:
        raise BadQuestion(
            "its key has a masked field, so that its documents are listed by last update alone",
            where=f"feed {feed}",
            hint="[log] mask names the field",
        )
    sinks = list(settings.feeds[feed].sinks)
    if question.key is not None:
        found = documents_by_key(asked.connection, settings, feed, question.key, limit=LIMIT)
        return Documents(feed, sinks, _listed(asked, found, hidden=hidden), "key")
    if question.value is not None:
        search = documents_by_value(
            asked.connection,
            settings,
            feed,
            question.value,
            of=question.field,
            mask=set(settings.log.mask),
            after=question.after,
            limit=LIMIT,
        )
        listed = _listed(asked, search.rows, hidden=hidden)
        return Documents(feed, sinks, listed, "key", search.next, searched=search.read)
    page = list_documents(
        asked.connection,
        settings,
        feed,
        order=question.order,
        sink=question.sink,
        state=question.state,
        after=question.after,
        limit=LIMIT,
    )
    listed = _listed(asked, page.rows, hidden=hidden)
    return Documents(feed, sinks, listed, page.order, page.next, page.log_ends)


def _listed(asked: Asked, rows: Sequence[DocumentRow], *, hidden: bool) -> list[ListedDocument]:
    return [
        ListedDocument(
            masked_text(each.key, asked.settings.log.mask),
            None if hidden else each.key,
            each.revision,
            each.deleted,
            each.captured_at,
            each.modified_at,
            each.size,
            each.sinks,
        )
        for each in rows
    ]
