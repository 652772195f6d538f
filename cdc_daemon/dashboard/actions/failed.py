"""Actions on failed items: retry or discard marked ones, or all with some properties; retry entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cdc_daemon.dashboard.definitions import Asked, BadQuestion, Done
from cdc_daemon.dashboard.views.failed import choice_of
from cdc_daemon.workers import control
from cdc_daemon.workers.chosen_items import ItemChoice, ItemId, discard_items, retry_chosen


@dataclass(frozen=True)
class RetryItems:
    """Which failed items to try now.

    Attributes:
        items: the `id` of each; with `every` none.
        every: all items with the properties below.
        feed, sink, state, status, words: as on the page.
    """

    items: Sequence[str] = ()
    every: bool = False
    feed: str | None = None
    sink: str | None = None
    state: Literal["parked", "refused"] | None = None
    status: str | None = None
    words: str | None = None


@dataclass(frozen=True)
class DiscardItems(RetryItems):
    """Which failed items to remove without delivering them.

    Attributes:
        reason: the reason, for the audit.
    """

    reason: str = ""


@dataclass(frozen=True)
class RetryEntities:
    """Whose failed entities to try in the next pass."""

    feed: str


def retry(asked: Asked, question: RetryItems) -> Done:
    """Make failed items due now, also parked ones, with all their attempts."""
    count = retry_chosen(asked.connection, _choice(asked, question), web_user=asked.viewer.name)
    return Done(
        f"{_counted(count)} due now; the daemon sends {'it' if count == 1 else 'them'} within moments."
    )


def discard(asked: Asked, question: DiscardItems) -> Done:
    """Remove failed items: the sinks keep what they have. The next revisions go out as usual."""
    if not question.reason.strip():
        raise BadQuestion("a reason is needed: the audit keeps it", where="reason")
    choice = _choice(asked, question)
    count = discard_items(asked.connection, choice, reason=question.reason, web_user=asked.viewer.name)
    return Done(f"{_counted(count)} discarded.")


def retry_entities(asked: Asked, question: RetryEntities) -> Done:
    """Try the failed entities of a feed in its next pass, and its failed items with them."""
    asked.require_feed(question.feed)
    columns = {question.feed: asked.settings.feeds[question.feed].entity}
    items, entities = control.retry_failed(asked.connection, columns, {}, web_user=asked.viewer.name)
    return Done(f"{entities:,} entities and {items:,} items of {question.feed} are due now.")


def _choice(asked: Asked, question: RetryItems) -> ItemChoice:
    choice = choice_of(asked, question.feed, question.sink, question.state, question.status, question.words)
    if question.every:
        return choice
    if not question.items:
        raise BadQuestion("no item is marked", where="items", hint="mark some, or choose all that match")
    # Marked items are themselves, whatever the filters say meanwhile: an item may have been parked just now.
    return replace(
        choice, sink=None, status=None, words=None, parked=None, items=list(map(_id, question.items))
    )


def _id(text: str) -> ItemId:
    digest, _, rest = text.partition(" ")
    sink, _, feed = rest.partition(" ")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef") or not sink or not feed:
        raise BadQuestion(f"{text!r} is no failed item", where="items", hint="take the `id` of the list")
    return ItemId(sink, feed, digest)


def _counted(count: int) -> str:
    return f"{count:,} failed {'item is' if count == 1 else 'items are'}"
