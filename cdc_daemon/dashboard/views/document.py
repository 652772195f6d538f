"""One document: what is stored, what the query yields, what became of it, and each sink."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cdc_daemon.dashboard.definitions import Asked
from cdc_daemon.insight.documents.held_versions import HeldVersion, held_versions
from cdc_daemon.insight.documents.lists import require_stored
from cdc_daemon.insight.documents.search import key_texts
from cdc_daemon.insight.json_values import masked_text
from cdc_daemon.insight.trace.ask import Answer, ask_key
from cdc_daemon.insight.trace.causes import reason
from cdc_daemon.insight.trace.facts import Facts, Sink
from cdc_daemon.insight.trace.lines import of_deliveries, of_delivery, of_feed, of_places
from cdc_daemon.insight.trace.phrases import waiting
from cdc_daemon.workers.payload_log import HIDDEN


@dataclass(frozen=True)
class DocumentQuestion:
    """Which document.

    Attributes:
        feed: name of the feed.
        key: the key as a JSON object.
    """

    feed: str
    key: str


@dataclass(frozen=True)
class StoredDocument:
    """The document as it is stored.

    Attributes:
        deleted: whether it is a tombstone: the query no longer returns the document.
        captured_at, stored_at: when the change was captured, and when this revision was stored.
        due_at: when it is recomputed although no row changes.
        document: JSON as it is stored, without the values of masked fields; None for a tombstone.
    """

    revision: int
    deleted: bool
    hash: str | None
    captured_at: datetime
    stored_at: datetime
    due_at: datetime | None
    document: str | None


@dataclass(frozen=True)
class FieldDifference:
    """A field that the query yields otherwise than it is stored: JSON, or None for no such field.

    Attributes:
        counts: whether this alone makes a new revision.
    """

    field: str
    stored: str | None
    now: str | None
    counts: bool


@dataclass(frozen=True)
class HeldField:
    """A field that a target has otherwise than it is stored: JSON, or None for no such field."""

    field: str
    held: str | None
    stored: str | None


@dataclass(frozen=True)
class HeldByTarget:
    """The version that a target has, if it differs from the stored document. Kept for sinks that get patches.

    Attributes:
        certain: whether the target has it. Otherwise a send got no answer: it has this one, or a later one.
    """

    sink: str
    certain: bool
    differences: Sequence[HeldField]


@dataclass(frozen=True)
class SinkOfDocument:
    """What a sink has of the document.

    Attributes:
        state: `delivered`, `waiting`, `refused`, `parked`, or `nothing` if nothing is stored.
        told: the same in words, with the reason.
    """

    sink: str
    state: str
    told: str
    status: str | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened to the document.

    Attributes:
        what: `new`, `changed`, `deleted` or `unchanged`.
        fields: the fields that changed from the revision before. Their former values are not kept.
        why: the changes or the request that led to it, in words.
        sinks: what each sink did with it, in words.
    """

    at: datetime
    what: str
    revision: int | None
    fields: Sequence[str]
    why: str | None
    sinks: Sequence[str]


@dataclass(frozen=True)
class DocumentAnswer:
    """What became of a document.

    Attributes:
        key: a JSON object, without the values of masked fields.
        standing: the verdict, as in `trace --json`.
        sentence, hint: the same in words, and what to do.
        now: `same`, `another`, `none` (the query yields no row) or `unknown`.
        unknown: why nobody knows.
        differences: fields that differ between the stored document and the one that the query yields now.
        held: the versions that targets have and that differ from the stored one, as far as they are kept.
        waits: what it waits for, in words.
        timeline: what happened to it, the newest first, as far as the history knows.
        history_since: since when the history has rows; None if it has none.
    """

    feed: str
    key: str
    standing: str
    sentence: str
    hint: str | None
    stored: StoredDocument | None
    now: str
    unknown: str | None
    differences: Sequence[FieldDifference]
    sinks: Sequence[SinkOfDocument]
    held: Sequence[HeldByTarget]
    waits: Sequence[str]
    timeline: Sequence[TimelineEntry]
    history_since: datetime | None


def document(asked: Asked, question: DocumentQuestion) -> DocumentAnswer:
    """Return what became of a document."""
    asked.require_feed(question.feed)
    connection, settings = asked.connection, asked.settings
    definition = require_stored(connection, settings, question.feed)
    key = key_texts(connection, definition, question.key)
    plan = asked.objects().plans.get(question.feed)
    found = ask_key(connection, settings, question.feed, key, plan=plan)
    facts = found.facts
    held: Sequence[HeldVersion] = ()
    if facts.stored:
        sinks = settings.feeds[question.feed].sinks
        held = list(held_versions(connection, definition, sinks, facts.key, facts.stored.document))
    return _answer(found, held, settings.log.mask)


def _answer(found: Answer, held: Sequence[HeldVersion], mask: Collection[str]) -> DocumentAnswer:
    facts = found.facts
    return DocumentAnswer(
        facts.feed,
        masked_text(facts.key, mask),
        str(found.verdict.standing),
        found.sentence,
        found.hint,
        _stored(facts, mask),
        _now(facts),
        facts.yielded.failed,
        [
            FieldDifference(
                each.name,
                _value(each.name, each.stored, mask),
                _value(each.name, each.now, mask),
                each.counts,
            )
            for each in facts.differences
        ]
        if facts.stored and not facts.stored.deleted and facts.yielded.document
        else [],
        [_sink(facts, each) for each in facts.sinks],
        [_held(each, mask) for each in held],
        list(_waits(facts)),
        list(_timeline(facts)),
        facts.history.since,
    )


def _stored(facts: Facts, mask: Collection[str]) -> StoredDocument | None:
    stored = facts.stored
    if stored is None:
        return None
    return StoredDocument(
        stored.revision,
        stored.deleted,
        stored.hash,
        stored.captured_at,
        stored.modified_at,
        stored.refresh_at,
        None if stored.document is None else masked_text(stored.document, mask),
    )


def _now(facts: Facts) -> str:
    if facts.yielded.failed is not None:
        return "unknown"
    if facts.yielded.document is None:
        return "none"
    return "same" if facts.is_current else "another"


def _held(version: HeldVersion, mask: Collection[str]) -> HeldByTarget:
    return HeldByTarget(
        version.sink,
        version.certain,
        [
            HeldField(each.name, _value(each.name, each.stored, mask), _value(each.name, each.now, mask))
            for each in version.differences
        ],
    )


def _value(name: str, text: str | None, mask: Collection[str]) -> str | None:
    if text is None:
        return None
    return f'"{HIDDEN}"' if name in mask else masked_text(text, mask)


def _sink(facts: Facts, sink: Sink) -> SinkOfDocument:
    item = sink.item
    if item is None:
        state = "nothing" if sink.has is None else "delivered" if sink.has else "waiting"
        return SinkOfDocument(sink.name, state, of_delivery(facts, sink))
    state = "parked" if item.next_attempt_at is None else "refused" if item.attempts else "waiting"
    told = of_delivery(facts, sink)
    return SinkOfDocument(sink.name, state, told, item.status, item.attempts, item.next_attempt_at)


def _waits(facts: Facts) -> Iterator[str]:
    for each in facts.waiting:
        yield f"unread: {waiting(facts, each)}, read as {each.alias}"
    if facts.unread_unknown:
        yield f"unread: nobody can tell which changes reach it: {facts.unread_unknown}"
    yield from of_places(facts)
    yield from of_feed(facts)


def _timeline(facts: Facts) -> Iterator[TimelineEntry]:
    for event in facts.history.events:
        revision, unchanged = event.revision, event.unchanged
        if revision is None:
            why = reason(unchanged) if unchanged else None
            yield TimelineEntry(event.at, "unchanged", None, (), why, ())
            continue
        fields = revision.changed_fields or ()
        what = "deleted" if revision.deleted else "new" if revision.changed_fields is None else "changed"
        sinks = list(of_deliveries(facts, event))
        yield TimelineEntry(event.at, what, revision.revision, fields, reason(revision), sinks)
