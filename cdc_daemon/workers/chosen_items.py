"""Failed items that a person chose: shows them, tries them again, or discards them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from psycopg import sql

from cdc_daemon.errors import UnusableValue
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.audit import Act, audited

MOST_COUNTED = 10_000
"""Failed items are counted up to this number."""

MOST_TOLD = 20
"""How many revisions of discarded items the audit names."""


@dataclass(frozen=True)
class FailedItem:
    """A document that a sink refused.

    Attributes:
        key: a JSON object.
        attempts: number of attempts of this revision; 0 after a retry or replay, before the next attempt.
        status, reason: the target's own words.
        next_attempt_at: None if the item is parked.
    """

    sink: str
    feed: str
    key: str
    revision: int
    attempts: int
    status: str | None
    reason: str
    first_failed_at: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True)
class ItemId:
    """The identity of a failed item.

    Attributes:
        digest: of the key, hexadecimal.
    """

    sink: str
    feed: str
    digest: str


@dataclass(frozen=True)
class ItemChoice:
    """Which failed items. A field that is None, or `where` if it is empty, asks for nothing.

    Attributes:
        where: values of key columns.
        status: the receiver's code.
        words: a part of the receiver's words, in upper or lower case.
        parked: whether an item waits for a person, and has no next attempt.
        items: only these.
    """

    feeds: Sequence[str]
    sink: str | None = None
    where: Mapping[str, str] = field(default_factory=dict[str, str])
    status: str | None = None
    words: str | None = None
    parked: bool | None = None
    items: Sequence[ItemId] | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of the condition `failed_item.chosen`."""
        items = self.items
        return {
            "feeds": list(self.feeds),
            "sink": self.sink,
            "names": list(self.where),
            "values": list(self.where.values()),
            "status": self.status,
            "words": self.words,
            "parked": self.parked,
            "item_sinks": None if items is None else [each.sink for each in items],
            "item_feeds": None if items is None else [each.feed for each in items],
            "item_ids": None if items is None else [each.digest for each in items],
        }

    def act(self, name: str, arguments: Mapping[str, object], web_user: str | None) -> Act:
        """Return the act on these items, for the audit."""
        chosen = {
            "key": dict(self.where),
            "status": self.status,
            "words": self.words,
            "parked": self.parked,
            "items": None if self.items is None else len(self.items),
        }
        told = {each: value for each, value in chosen.items() if value is not None}
        feed = self.feeds[0] if len(self.feeds) == 1 else None
        return Act(name, feed, self.sink, {**told, **arguments}, web_user)


@dataclass(frozen=True)
class ListedItem:
    """A failed item in a list."""

    id: ItemId
    item: FailedItem


@dataclass(frozen=True)
class ItemPage:
    """A page of failed items, the newest first.

    Attributes:
        next: where the next page begins, for `after`; None if this page is the last one.
    """

    items: Sequence[ListedItem]
    next: str | None = None


@dataclass(frozen=True)
class ItemCount:
    """How many failed items a sink has of a feed.

    Attributes:
        status: the receiver's code.
        parked: whether they wait for a person.
        since: when the oldest of them failed first.
    """

    sink: str
    feed: str
    status: str | None
    parked: bool
    number: int
    since: datetime


def list_items(connection: Connection, choice: ItemChoice) -> list[FailedItem]:
    """Return all chosen items, the oldest first."""
    rows = connection.execute(_chosen("list"), choice.parameters).fetchall()
    return [FailedItem(*row) for row in rows]


def page_of_items(
    connection: Connection, choice: ItemChoice, *, after: str | None = None, limit: int = 50
) -> ItemPage:
    """Return a page of the chosen items, the newest first.

    Args:
        after: `next` of the page before.
        limit: largest number of items.

    Raises:
        UnusableValue: `after` is no position.
    """
    position = _position(after)
    rows = connection.execute(
        _chosen("page"), {**choice.parameters, **position, "limit": limit + 1}
    ).fetchall()
    found = [
        ListedItem(ItemId(sink, feed, digest), FailedItem(sink, feed, *rest))
        for digest, sink, feed, *rest in rows[:limit]
    ]
    if len(rows) <= limit:
        return ItemPage(found)
    last = found[-1]
    place_after = [last.item.first_failed_at.isoformat(), last.id.sink, last.id.feed, last.id.digest]
    return ItemPage(found, orjson.dumps(place_after).decode())


def count_items(connection: Connection, feeds: Sequence[str]) -> tuple[list[ItemCount], bool]:
    """Return the numbers of failed items of some feeds, and whether there may be more than were counted."""
    parameters = {"feeds": list(feeds), "most": MOST_COUNTED}
    counts = [ItemCount(*row) for row in connection.execute(statement("failed_item.counts"), parameters)]
    return counts, sum(each.number for each in counts) >= MOST_COUNTED


def retry_items(connection: Connection, choice: ItemChoice) -> int:
    """Make chosen items due now, also parked ones, with all their attempts. Return their number.

    It is no act by itself (see `retry_chosen`).
    """
    return connection.execute(_chosen("retry"), choice.parameters).rowcount


def retry_chosen(connection: Connection, choice: ItemChoice, *, web_user: str | None = None) -> int:
    """Make chosen items due now, and record it. Return their number.

    Args:
        web_user: the user of the dashboard who does it; None for a command.
    """
    with audited(connection, choice.act("retry", {}, web_user)) as outcome:
        number = retry_items(connection, choice)
        outcome.text = f"{number} items"
    return number


def discard_items(
    connection: Connection, choice: ItemChoice, *, reason: str, web_user: str | None = None
) -> int:
    """Remove chosen items without delivering them. The next revisions of their documents go out as usual.

    Args:
        reason: the reason, for the audit.
        web_user: the user of the dashboard who does it; None for a command.

    Returns:
        The number of items.
    """
    with audited(connection, choice.act("discard", {"reason": reason}, web_user)) as outcome:
        found = [each for (each,) in connection.execute(_chosen("discard"), choice.parameters)]
        more = ", …" if len(found) > MOST_TOLD else ""
        outcome.text = f"{len(found)} items: revisions {', '.join(map(str, found[:MOST_TOLD]))}{more}"
    return len(found)


def _chosen(name: str) -> sql.Composed:
    return statement(f"failed_item.{name}", chosen=statement("failed_item.chosen"))


def _position(after: str | None) -> dict[str, object]:
    moment: datetime | None = None
    sink = feed = digest = None
    if after is not None:
        try:
            told, sink, feed, digest = map(str, orjson.loads(after))
            moment, digest = datetime.fromisoformat(told), bytes.fromhex(digest).hex()
        except (ValueError, TypeError):
            raise UnusableValue(
                f"{after!r} is no position in this list", where="failed items", hint="begin at its first page"
            ) from None
    return {"before": moment, "before_sink": sink, "before_feed": feed, "before_id": digest}
