"""Actions on a sink: test it, pause it, resume it, deliver documents to it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from cdc_daemon.dashboard.definitions import Asked, BadQuestion, Done
from cdc_daemon.dashboard.views.sinks import feeds_of
from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.insight.documents.lists import require_stored
from cdc_daemon.sinks.timed_probe import timed_probe
from cdc_daemon.workers import control
from cdc_daemon.workers.audit import Act


@dataclass(frozen=True)
class SinkAct:
    """Which sink, and which of its feeds; None: all of them."""

    sink: str
    feed: str | None = None


@dataclass(frozen=True)
class PauseAct:
    """What to pause, and why.

    Attributes:
        feed: one feed of the sink; None: all, also later ones.
        reason: everybody sees it.
    """

    sink: str
    reason: str
    feed: str | None = None


@dataclass(frozen=True)
class ReplayAct:
    """What to deliver again.

    Attributes:
        feed: one feed of the sink; None: all of them.
        since: documents that were stored since then, by ISO 8601, UTC if it names no zone; None: every
            document, as a full snapshot.
    """

    sink: str
    feed: str | None = None
    since: datetime | None = None


def test(asked: Asked, question: SinkAct) -> Done:
    """Test the connection to a sink for each feed, step by step. It changes nothing at the target."""
    feeds = _feeds(asked, question.sink, question.feed)
    act = Act("test", question.feed, question.sink, web_user=asked.viewer.name)
    steps: list[str] = []
    for feed in feeds:
        for timed in timed_probe(partial(asked.settings.sinks[question.sink].open, question.sink), feed):
            failure = timed.step.failure
            if failure is not None:
                act.record_failure(asked.connection, failure)
                raise CdcError(
                    f"{timed.step.name} failed: {failure}",
                    where=f"sink {question.sink}, feed {feed}",
                    hint=failure.hint,
                )
            steps.append(f"{timed.step.name} {timed.seconds * 1000:.0f} ms")
    act.record(asked.connection, f"{len(steps)} steps passed")
    return Done(f"The test of {question.sink} passed: {', '.join(steps)}.")


def pause(asked: Asked, question: PauseAct) -> Done:
    """Stop delivering after the current batch."""
    asked.require_sink(question.sink, question.feed)
    control.pause(
        asked.connection, question.sink, question.feed, reason=question.reason, web_user=asked.viewer.name
    )
    return Done(f"{_named(question.sink, question.feed)} is paused.")


def resume(asked: Asked, question: SinkAct) -> Done:
    """End a pause of exactly this sink and feed."""
    asked.require_sink(question.sink, question.feed)
    if not control.resume(asked.connection, question.sink, question.feed, web_user=asked.viewer.name):
        raise CdcError(
            "is not paused by itself",
            where=_named(question.sink, question.feed),
            hint="its page tells which pause holds: one of the sink, of the feed, or of both",
        )
    return Done(f"{_named(question.sink, question.feed)} is resumed.")


def replay(asked: Asked, question: ReplayAct) -> Done:
    """Deliver stored documents again."""
    for feed in _feeds(asked, question.sink, question.feed):
        if question.since is None:
            control.replay_all(asked.connection, question.sink, feed, web_user=asked.viewer.name)
        else:
            moment = question.since if question.since.tzinfo else question.since.replace(tzinfo=UTC)
            changes = Changes(require_stored(asked.connection, asked.settings, feed))
            control.replay_since(asked.connection, question.sink, changes, moment, web_user=asked.viewer.name)
    what = "Everything" if question.since is None else "What was stored since then"
    return Done(f"{what} goes to {_named(question.sink, question.feed)} again.")


def _feeds(asked: Asked, sink: str, feed: str | None) -> list[str]:
    asked.require_sink(sink, feed)
    feeds = [feed] if feed else feeds_of(asked, sink)
    if not feeds:
        raise BadQuestion("takes no feed", where=f"sink {sink}", hint="name it in feeds.<name>.sinks")
    return feeds


def _named(sink: str, feed: str | None) -> str:
    return f"sink {sink}, feed {feed}" if feed else f"sink {sink}"
