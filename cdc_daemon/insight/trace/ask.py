"""The questions about documents: those of one key, of one entity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdc_daemon.insight.trace.facts import Facts
from cdc_daemon.insight.trace.read import Reader, daemons_of, one_snapshot, short_waits
from cdc_daemon.insight.trace.remedies import hint
from cdc_daemon.insight.trace.subject import Subject, read_subject
from cdc_daemon.insight.trace.verdict import Verdict, judge
from cdc_daemon.insight.trace.words import sentence
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.workers.planning import FeedPlan

MOST_DOCUMENTS = 20
"""How many documents one question answers for."""


@dataclass(frozen=True)
class Answer:
    """What became of one document.

    Attributes:
        sentence: the verdict in plain words.
        hint: what a person can do, if anything.
    """

    facts: Facts
    verdict: Verdict
    sentence: str
    hint: str | None


@dataclass(frozen=True)
class Answers:
    """What became of several documents.

    Attributes:
        more: whether there are more than `answers` tells.
    """

    answers: Sequence[Answer]
    more: bool = False


def ask_key(
    connection: Connection,
    settings: Settings,
    feed: str,
    key: Sequence[str],
    *,
    plan: FeedPlan | None = None,
) -> Answer:
    """Return what became of the document with this key.

    Args:
        connection: session in autocommit mode, outside of a transaction.
        key: values of the key columns, in their order, as text.
        plan: the feed's plan, if it is known; otherwise the feed is planned for this question.

    Raises:
        InstallError: nothing is installed, or by an earlier version.
        FeedError: the feed is not installed.
        CdcError: a value is none of its column's type.
    """
    with short_waits(connection):
        subject = Subject(plan.definition, plan) if plan else read_subject(connection, settings, feed)
        with one_snapshot(connection):
            reader = Reader(connection, subject, settings.feeds[feed].sinks, daemons_of(connection, settings))
            return answered(reader.of_key(key))


def ask_entity(connection: Connection, settings: Settings, feed: str, entity: Sequence[str]) -> Answers:
    """Return what became of the documents of this entity. Arguments and errors are those of `ask_key`."""
    with short_waits(connection):
        subject = read_subject(connection, settings, feed)
        with one_snapshot(connection):
            return _of_entity(connection, settings, subject, entity)


def _of_entity(
    connection: Connection, settings: Settings, subject: Subject, entity: Sequence[str]
) -> Answers:
    sinks = settings.feeds[subject.definition.name].sinks
    reader = Reader(connection, subject, sinks, daemons_of(connection, settings))
    keys = reader.keys_of(entity, limit=MOST_DOCUMENTS + 1)
    found = [answered(reader.of_key(key)) for key in keys[:MOST_DOCUMENTS]]
    return Answers(found, more=len(keys) > MOST_DOCUMENTS)


def answered(facts: Facts) -> Answer:
    """Return facts with their verdict and its words."""
    verdict = judge(facts)
    return Answer(facts, verdict, sentence(facts, verdict), hint(facts, verdict))
