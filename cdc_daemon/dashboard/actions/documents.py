"""Actions on one document: recompute it, send it again, verify it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from cdc_daemon.dashboard.definitions import Asked, Done
from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.insight.documents.lists import require_stored
from cdc_daemon.insight.documents.search import key_texts
from cdc_daemon.insight.trace.documents import read_stored
from cdc_daemon.insight.verify import Answer, verify_entities
from cdc_daemon.workers import control
from cdc_daemon.workers.audit import Act
from cdc_daemon.workers.planning import plan_feed
from cdc_daemon.workers.resync import Resync

VERIFY_SECONDS = 2.0
"""How long a difference is looked at again that a waiting change may explain."""


@dataclass(frozen=True)
class DocumentAct:
    """Which document.

    Attributes:
        key: the key as a JSON object.
    """

    feed: str
    key: str


@dataclass(frozen=True)
class SendAgain:
    """Which document, and to which sink; None: to every sink of the feed."""

    feed: str
    key: str
    sink: str | None = None


def recompute(asked: Asked, question: DocumentAct) -> Done:
    """Queue the entity of a document for recomputation. Fresh changes go before it."""
    _, where = _key(asked, question.feed, question.key)
    request = Resync(
        asked.connection,
        asked.settings,
        question.feed,
        where=dict(where),
        force=False,
        web_user=asked.viewer.name,
    )
    request.request(threading.Event())
    return Done("The document's entity is queued; the daemon recomputes it within moments.")


def send_again(asked: Asked, question: SendAgain) -> Done:
    """Deliver a stored document again, whatever the sink has."""
    definition, where = _key(asked, question.feed, question.key)
    if question.sink is not None:
        asked.require_sink(question.sink, question.feed)
    sinks = [question.sink] if question.sink else list(asked.settings.feeds[question.feed].sinks)
    if not sinks:
        raise CdcError("has no sink", where=f"feed {question.feed}", hint="name one in feeds.<name>.sinks")
    for sink in sinks:
        count = control.replay_some(
            asked.connection, sink, Changes(definition), where, web_user=asked.viewer.name
        )
        if not count:
            raise CdcError(
                "is not stored", where=f"feed {question.feed}, key {question.key}", hint="recompute it first"
            )
    return Done(f"The document goes to {', '.join(sinks)} again.")


def verify(asked: Asked, question: DocumentAct) -> Done:
    """Compare a stored document with what the query yields for its entity now."""
    definition, where = _key(asked, question.feed, question.key)
    act = Act("verify", question.feed, arguments={"key": where}, web_user=asked.viewer.name)
    try:
        entity = _entity(asked, definition, tuple(where[name] for name in definition.key))
        known = asked.objects().plans.get(question.feed)
        plan = known or plan_feed(asked.connection, asked.settings, question.feed)
        answer = verify_entities(asked.connection, plan, [entity], patience_seconds=VERIFY_SECONDS)
    except (CdcError, psycopg.Error) as error:
        act.record_failure(asked.connection, error)
        raise
    act.record(asked.connection, f"{answer.documents} documents, {answer.total} differences")
    return Done(_told(answer))


def _key(asked: Asked, feed: str, key: str) -> tuple[FeedDefinition, Mapping[str, str]]:
    """Return the stored definition of a feed, and the key's values by column."""
    asked.require_feed(feed)
    definition = require_stored(asked.connection, asked.settings, feed)
    texts = key_texts(asked.connection, definition, key)
    return definition, dict(zip(definition.key, texts, strict=True))


def _entity(asked: Asked, definition: FeedDefinition, key: tuple[str, ...]) -> tuple[str, ...]:
    _, stored = read_stored(asked.connection, definition, key)
    if stored is not None:
        return tuple(stored.entity)
    known = dict(zip(definition.key, key, strict=True))
    if set(definition.entity) <= set(known):
        return tuple(known[name] for name in definition.entity)
    raise CdcError(
        "is not stored, so nobody knows its entity",
        where=f"feed {definition.name}",
        hint="its page tells whether the query yields it",
    )


def _told(answer: Answer) -> str:
    """Return the result in a sentence: that of the whole entity, which may have several documents."""
    if answer.failing:
        return f"The query fails for this entity: {'; '.join(answer.notes)}."
    if answer.differences:
        found = [
            f"{each.key} is {each.kind}" + (f" in {', '.join(each.fields)}" if each.fields else "")
            for each in answer.differences
        ]
        return f"Differs from the query: {'; '.join(found)}. Recompute it to repair that."
    if answer.waiting:
        return "Differs from the query, but a change of it waits: ask again when the daemon has read it."
    number = answer.documents
    what = "document is" if number == 1 else "documents are"
    return f"Verified: {number} {what} what the query yields now."
