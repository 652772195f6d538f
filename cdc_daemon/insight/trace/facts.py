"""The facts about one document, as plain values, read in one snapshot of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cdc_daemon.insight.daemons import Daemons
from cdc_daemon.insight.history import Recomputation, Revision, SinkDelivery
from cdc_daemon.workers.chosen_items import FailedItem
from cdc_daemon.workers.control import FailedEntity, Pause


@dataclass(frozen=True)
class Yielded:
    """The document as the feed's query yields it now.

    Attributes:
        document: JSON; None if the query yields no row for the key, or if `failed` says why nobody knows.
        hash: hexadecimal.
        entity: values of the entity columns.
        failed: why the query could not be run for this key.
        blocked: whether it failed because a transaction holds a lock on a table.
    """

    document: str | None = None
    hash: str | None = None
    entity: Sequence[str] | None = None
    refresh_at: datetime | None = None
    failed: str | None = None
    blocked: bool = False


@dataclass(frozen=True)
class Stored:
    """The stored row of the key.

    Attributes:
        document: JSON; None if `deleted`.
        hash: hexadecimal.
        captured_at: when the trigger captured the change that led to this revision.
        modified_at: when the revision was stored.
        refresh_at: when the query wants the document recomputed although no row changes.
    """

    document: str | None
    hash: str | None
    revision: int
    deleted: bool
    captured_at: datetime
    modified_at: datetime
    refresh_at: datetime | None
    entity: Sequence[str]


@dataclass(frozen=True)
class Difference:
    """A field that differs between the stored document and the one that the query yields now.

    Attributes:
        stored, now: JSON; None if the document has no such field.
        counts: whether a difference in this field alone makes a new revision.
    """

    name: str
    stored: str | None
    now: str | None
    counts: bool = True


@dataclass(frozen=True)
class Waiting:
    """Changed rows of one source table that the feed has not read and that reach the document.

    Attributes:
        route: `direct`, `join`, `partial` or `all`.
        alias: the occurrence of the table in the query.
        rows: number of changed rows that reach the document; None if all that waits in the table does.
        since: when the oldest unread entry of the table was written.
    """

    table: str
    alias: str
    route: str
    rows: int | None
    since: datetime


@dataclass(frozen=True)
class Backlog:
    """The entity's place among the entities that wait for recomputation.

    Attributes:
        ahead: number of entities before it, at most.
        reason: why it was put there: `first sync`, `large delta`, the reason of a resync.
        since: when it was put there.
        entities_per_second: how fast the backlog shrinks; None if nothing was measured.
    """

    ahead: int
    reason: str
    since: datetime
    entities_per_second: float | None

    @property
    def seconds(self) -> float | None:
        """Estimated time until its turn, in seconds."""
        return self.ahead / self.entities_per_second if self.entities_per_second else None


@dataclass(frozen=True)
class Holder:
    """A transaction that holds a lock on a source table, or has written to it and is still open.

    Attributes:
        pid: None for a prepared transaction.
        prepared: the identifier of a prepared transaction.
        excludes: whether its lock keeps everybody from reading the table.
        query: its last statement; None if the asking role may not see it.
    """

    table: str
    pid: int | None
    prepared: str | None
    role: str | None
    application: str | None
    since: datetime | None
    query: str | None
    excludes: bool


@dataclass(frozen=True)
class Sink:
    """How far one sink has this document.

    Attributes:
        has: whether the sink took the stored revision, or need not be told of it; None if nothing is stored.
        revision: the sink has everything up to this revision.
        ahead: changes that are delivered before it, at most `MOST_AHEAD`; None if not known.
        failure, failing_since, attempts: why, since when the sink takes nothing, and how often it was tried.
        next_try_at: when the daemon tries a failing sink again.
        item: the sink refused this document.
        pause: a person stopped the delivery.
        snapshot: `wanted`, `under way` or None.
        delivered_at: when the sink last took anything of the feed.
    """

    name: str
    has: bool | None
    revision: int = 0
    ahead: int | None = None
    failure: str | None = None
    failing_since: datetime | None = None
    attempts: int = 0
    next_try_at: datetime | None = None
    item: FailedItem | None = None
    pause: Pause | None = None
    snapshot: str | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True)
class FeedFacts:
    """How the feed stands, as far as it concerns each of its documents.

    Attributes:
        begun: whether the feed has a cursor: without one, nothing is followed yet.
        stopped, stopped_at: why and since when it stands still.
        uncaptured, uncaptured_since: a table that can't be captured yet, and the transactions that hold it.
        unplanned: why the query can't be planned now.
        disabled: capture triggers that are missing or disabled, as `table: trigger`.
        moved: what the feed depends on was changed since its last pass.
        retry_at: when a stopped feed is tried again.
        daemons: the daemons of the database.
        followed: whether a daemon or a command follows the feed.
        seen_at: when a daemon last moved the feed's cursor.
        holders: open transactions that hold locks on source tables or have written to them.
    """

    begun: bool
    stopped: str | None = None
    stopped_at: datetime | None = None
    uncaptured: str | None = None
    uncaptured_since: datetime | None = None
    unplanned: str | None = None
    disabled: Sequence[str] = ()
    moved: bool = False
    retry_at: datetime | None = None
    daemons: Daemons = field(default=Daemons())
    followed: bool = True
    seen_at: datetime | None = None
    synced_at: datetime | None = None
    holders: Sequence[Holder] = ()


@dataclass(frozen=True)
class Event:
    """Something that happened to the document: a stored revision, or a recomputation without a change.

    Attributes:
        revision, unchanged: one of them; the other one is None.
        deliveries: what sinks were given of the revision, the latest first.
        superseded: sinks that were given a newer revision instead.
    """

    at: datetime
    revision: Revision | None
    unchanged: Recomputation | None
    deliveries: Sequence[SinkDelivery] = ()
    superseded: Sequence[str] = ()


@dataclass(frozen=True)
class DocumentHistory:
    """What happened to the document, the newest first.

    Attributes:
        since: since when the history has rows; None if it has none.
    """

    since: datetime | None = None
    events: Sequence[Event] = ()

    def stored(self, revision: int) -> Event | None:
        """Return the event that stored a revision."""
        return next(
            (each for each in self.events if each.revision and each.revision.revision == revision), None
        )


@dataclass(frozen=True)
class Facts:
    """Everything that was read about one key of a feed.

    Attributes:
        key: the key as a JSON object, spelled as it is stored, or as it was asked for.
        entity: values of the entity columns; None if neither query nor store knows the key.
        asked_at: the time of the snapshot.
        waiting: unread changes that reach it.
        unread_unknown: why nobody could tell which unread changes reach it.
        set_aside: its entity can't be computed.
    """

    feed: str
    key: str
    asked_at: datetime
    state: FeedFacts
    entity: Mapping[str, str] | None = None
    yielded: Yielded = field(default_factory=Yielded)
    stored: Stored | None = None
    differences: Sequence[Difference] = ()
    waiting: Sequence[Waiting] = ()
    unread_unknown: str | None = None
    backlog: Backlog | None = None
    set_aside: FailedEntity | None = None
    sinks: Sequence[Sink] = ()
    history: DocumentHistory = field(default=DocumentHistory())

    @property
    def stored_by(self) -> Event | None:
        """What stored the present revision, if the history knows it."""
        return self.history.stored(self.stored.revision) if self.stored else None

    @property
    def unchanged_by(self) -> Recomputation | None:
        """The last recomputation, if it left the document as it was."""
        newest = next(iter(self.history.events), None)
        return newest.unchanged if newest else None

    @property
    def is_current(self) -> bool | None:
        """Whether the store says what the query says; None if the query could not be run."""
        if self.yielded.failed is not None:
            return None
        if self.yielded.document is None:
            return self.stored is None or self.stored.deleted
        return (
            self.stored is not None
            and not self.stored.deleted
            and self.stored.hash == self.yielded.hash
            and list(self.stored.entity) == list(self.yielded.entity or ())
        )
