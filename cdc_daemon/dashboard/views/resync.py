"""What a resync would change, and how long a first sync or full snapshot would take."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import psycopg
from pydantic import Field

from cdc_daemon.dashboard.definitions import Asked, BadQuestion
from cdc_daemon.errors import CdcError
from cdc_daemon.estimate.feeds import FeedEstimate
from cdc_daemon.estimate.feeds import estimate as estimate_feeds
from cdc_daemon.feeds.error_cause import ErrorCause, cause_of, message_of
from cdc_daemon.insight.resyncs import ResyncPreview, preview_resync
from cdc_daemon.pg.session import Connection, as_opened
from cdc_daemon.workers.planning import plan_feed

_COSTLY = threading.Lock()
"""Held while a question runs a whole query: several at a time would slow the daemon's own work down."""

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class PreviewQuestion:
    """Which resync.

    Attributes:
        by_key: `COLUMN=VALUE` of key or entity columns; empty for all entities.
        sample: how many entities to compare, chosen at random.
    """

    feed: str
    by_key: Sequence[str] = ()
    force: bool = False
    sample: Annotated[int, Field(ge=1, le=10_000)] = 1000


@dataclass(frozen=True)
class EstimateQuestion:
    """Which feed."""

    feed: str


@dataclass(frozen=True)
class EstimateAnswer:
    """An estimate.

    Attributes:
        estimate: None if nobody can count the documents.
        failure: PostgreSQL's message then: the query fails for a row.
    """

    estimate: FeedEstimate | None
    failure: str | None = None


def preview(asked: Asked, question: PreviewQuestion) -> ResyncPreview:
    """Return what a resync would change. Keys are told to those who may see documents."""
    asked.require_feed(question.feed)
    with _one_at_a_time(), restored(asked.connection) as connection:
        plan = plan_feed(connection, asked.settings, question.feed)
        found = preview_resync(
            connection,
            asked.settings,
            plan,
            where=pairs(question.by_key),
            force=question.force,
            sample=question.sample,
        )
    return found if asked.viewer.documents else replace(found, first=())


def estimate(asked: Asked, question: EstimateQuestion) -> EstimateAnswer:
    """Return how long a first sync would take, from a sample. It counts the feed's documents."""
    asked.require_feed(question.feed)
    with _one_at_a_time(), restored(asked.connection) as connection:
        plan = plan_feed(connection, asked.settings, question.feed)
        try:
            found = estimate_feeds(connection, asked.settings, [plan.definition])
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
            return EstimateAnswer(None, message_of(error))
    return EstimateAnswer(found.feeds[question.feed])


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Return `COLUMN=VALUE` texts as a mapping.

    Raises:
        BadQuestion: a text has another form, or a column is given twice.
    """
    found: dict[str, str] = {}
    for text in given:
        column, sign, value = text.partition("=")
        if not sign or not column.strip():
            raise BadQuestion("is not COLUMN=VALUE", where=f"by_key: {text}")
        if column in found:
            raise BadQuestion("is given twice", where=f"by_key: {column}")
        found[column.strip()] = value
    return found


@contextmanager
def restored(connection: Connection) -> Generator[Connection]:
    """Lend a session to work that prepares it in its own way; then it is as it was opened."""
    try:
        yield connection
    finally:
        if not connection.closed:
            as_opened(connection)


@contextmanager
def _one_at_a_time() -> Generator[None]:
    if not _COSTLY.acquire(timeout=PATIENCE_SECONDS):
        raise CdcError(
            "another estimate or dry run is under way",
            hint="try again in a minute, or run `cdc-daemon resync FEED --dry-run`",
        )
    try:
        yield
    finally:
        _COSTLY.release()
