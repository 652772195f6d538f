"""Is what we hold what the query yields? Questions to the database, with answers as plain values."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cdc_daemon.feeds.hashed_documents import Entity
from cdc_daemon.feeds.verification import Difference, Selection
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.sinks.sink import Sink
from cdc_daemon.workers.planning import FeedPlan, plan_sources
from cdc_daemon.workers.receiver_verification import ReceiverVerification
from cdc_daemon.workers.sync import for_sync
from cdc_daemon.workers.verification import FeedVerification, Undecided

PATIENCE_SECONDS = 5.0
"""How long differences are looked at again that a waiting change may explain, in seconds."""


@dataclass(frozen=True)
class Step:
    """A part of a verification.

    Attributes:
        done, total: progress.
        documents: number of documents compared in this step.
        differences: true differences found in this step.
    """

    done: int
    total: int
    documents: int = 0
    differences: tuple[Difference, ...] = ()


@dataclass
class Answer:
    """What a verification found.

    Attributes:
        feed: name of the feed.
        sink: name of the sink whose receiver was read, or None for the stored documents.
        documents: number of documents compared.
        counts: number of differences by their kind.
        differences: the first differences, at most `most`.
        waiting: number of documents that differ and may be behind rightly: a change is on its way.
        failing: number of entities for which the query fails.
        repaired: number of entities or documents that a repair queued.
        notes: what could not be verified, in sentences.
        seconds: duration.
    """

    feed: str
    sink: str | None = None
    most: int = 100
    documents: int = 0
    counts: Counter[str] = field(default_factory=Counter[str])
    differences: list[Difference] = field(default_factory=list[Difference])
    waiting: int = 0
    failing: int = 0
    repaired: int = 0
    notes: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    def add(self, step: Step) -> None:
        """Count what a step found."""
        self.documents += step.documents
        self.counts.update(each.kind for each in step.differences)
        self.differences += step.differences[: max(0, self.most - len(self.differences))]
        self.end()

    def end(self) -> None:
        """Note the duration."""
        self.seconds = time.monotonic() - self._started

    @property
    def total(self) -> int:
        """Number of differences."""
        return self.counts.total()


def verify_feed(
    connection: Connection,
    settings: Settings,
    plan: FeedPlan,
    selection: Selection,
    answer: Answer,
    *,
    patience_seconds: float | None = None,
) -> Iterator[Step]:
    """Compare a feed's stored documents with its query, in both directions, while the daemon works or not.

    Args:
        connection: a session for this verification alone.
        answer: collects what the steps find.
        patience_seconds: how long to look again at differences that a waiting change may explain.

    Yields:
        A step for each page of entities.

    Raises:
        FeedError: the installed definition is not the configured one.
    """
    sources = plan_sources(connection, [plan])
    verification = FeedVerification(for_sync(connection), plan, sources)
    total, failure = verification.statements.begin_walk(connection, selection)
    if failure:
        answer.notes.append(
            "the query fails for a row, so that it can't list its documents; the stored ones were verified: "
            + failure
        )
    undecided = Undecided(verification)
    patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
    size = settings.daemon.batch_entities
    done = 0
    for page in verification.statements.go_on(connection, limit=size):
        verified = verification.verify(page)
        done += len(page)
        undecided.add(verified.waiting)
        undecided.add([each.entity for each in verified.changed_catalogue])
        answer.failing += len(verified.failing)
        step = Step(done, total, verified.documents, verified.differences)
        answer.add(step)
        yield step
    for difference in undecided.decide(seconds=patience, page=size):
        step = Step(done, total, 0, (difference,))
        answer.add(step)
        yield step
    answer.waiting = len(undecided)
    answer.end()


def verify_entities(
    connection: Connection,
    plan: FeedPlan,
    entities: Sequence[Entity],
    *,
    patience_seconds: float | None = None,
) -> Answer:
    """Compare the stored documents of some entities with the query, as `verify_feed` does.

    Args:
        connection: a session for this verification alone.
        entities: values of the entity columns, as texts.

    Raises:
        FeedError: the installed definition is not the configured one.
    """
    answer = Answer(plan.definition.name)
    verification = FeedVerification(for_sync(connection), plan, plan_sources(connection, [plan]))
    verified = verification.verify(entities)
    undecided = Undecided(verification)
    undecided.add(verified.waiting)
    undecided.add([each.entity for each in verified.changed_catalogue])
    answer.failing = len(verified.failing)
    answer.notes += verified.failing.values()
    answer.add(Step(len(entities), len(entities), verified.documents, verified.differences))
    patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
    for difference in undecided.decide(seconds=patience, page=len(entities)):
        answer.add(Step(len(entities), len(entities), 0, (difference,)))
    answer.waiting = len(undecided)
    answer.end()
    return answer


def verify_receiver(
    connection: Connection,
    plan: FeedPlan,
    sink: Sink,
    answer: Answer,
    *,
    since: datetime | None = None,
) -> Iterator[Step]:
    """Compare what the receiver of a sink holds of a feed with what is stored.

    Yields:
        A step for each page that was read from the receiver, then for each page of stored documents.

    Raises:
        CannotReadBack: the receiver can't be read back.
        SinkUnavailable: it can't be read now.
    """
    verification = ReceiverVerification(connection, plan.definition, sink)
    done = 0
    for compared in verification.run(since):
        done += compared.read + compared.documents
        answer.waiting += compared.waiting
        step = Step(done, 0, compared.documents, compared.differences)
        answer.add(step)
        yield step
    if not verification.tells_missing:
        answer.notes.append(
            "the receiver does not keep all records, so documents that it lacks were not looked for"
        )
    answer.end()
