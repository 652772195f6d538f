"""Starts, pauses, resumes and cancels resyncs of a feed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cdc_daemon.dashboard.definitions import Asked, Done
from cdc_daemon.dashboard.views.resync import pairs, restored
from cdc_daemon.errors import CdcError
from cdc_daemon.workers.resync import Resync
from cdc_daemon.workers.resync_interruption import Interrupted, ResyncInterruption

STOP_SECONDS = 20.0
"""How long an action tries: a person waits for the page."""


@dataclass(frozen=True)
class ResyncRequest:
    """Which entities to recompute.

    Attributes:
        by_key: `COLUMN=VALUE` of key or entity columns; empty for all entities.
        force: whether to deliver every document again, changed or not.
    """

    feed: str
    by_key: Sequence[str] = ()
    force: bool = False


@dataclass(frozen=True)
class OneResync:
    """A resync by its number."""

    feed: str
    number: int


def request_resync(asked: Asked, question: ResyncRequest) -> Done:
    """Queue entities of a feed for recomputation. The daemon does the work."""
    asked.require_feed(question.feed)
    with restored(asked.connection) as connection, _deadline() as stop:
        entities = Resync(
            connection,
            asked.settings,
            question.feed,
            where=pairs(question.by_key),
            force=question.force,
            web_user=asked.viewer.name,
        ).request(stop)
        if stop.is_set() and not entities:
            raise CdcError(
                "another process holds the feed",
                where=f"feed {question.feed}",
                hint="try again; `cdc-daemon status` shows what holds it",
            )
    return Done(f"{_counted(entities)} of {question.feed} queued for recomputation.")


def pause_resync(asked: Asked, question: OneResync) -> Done:
    """Leave the entities of a requested resync out until it is resumed."""
    return _interrupt(asked, question, "paused", lambda each: each.pause)


def resume_resync(asked: Asked, question: OneResync) -> Done:
    """Go on with a paused resync."""
    return _interrupt(asked, question, "resumed", lambda each: each.resume)


def cancel_resync(asked: Asked, question: OneResync) -> Done:
    """Leave what is left of a requested resync out for good."""
    return _interrupt(asked, question, "cancelled", lambda each: each.cancel)


def _interrupt(
    asked: Asked,
    question: OneResync,
    word: str,
    act: Callable[[ResyncInterruption], Callable[[threading.Event], Sequence[Interrupted]]],
) -> Done:
    asked.require_feed(question.feed)
    interruption = ResyncInterruption(
        asked.connection, question.feed, number=question.number, web_user=asked.viewer.name
    )
    with _deadline() as stop:
        done = act(interruption)(stop)
    return Done(
        " ".join(
            f"Resync {each.number} of {question.feed} {word}: "
            f"{each.done:,} of {_counted(each.entities)} done."
            for each in done
        )
    )


@contextmanager
def _deadline() -> Generator[threading.Event]:
    """Yield an event that is set after some seconds, so that an action gives up."""
    stop = threading.Event()
    timer = threading.Timer(STOP_SECONDS, stop.set)
    timer.daemon = True
    timer.start()
    try:
        yield stop
    finally:
        timer.cancel()


def _counted(entities: int) -> str:
    return f"{entities:,} {'entity' if entities == 1 else 'entities'}"
