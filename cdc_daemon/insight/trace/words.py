"""A verdict in plain words: the same for the command line, JSON and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from cdc_daemon.insight.trace.causes import cause, reason, tables
from cdc_daemon.insight.trace.facts import Event, Facts, Sink
from cdc_daemon.insight.trace.phrases import (
    answer,
    counted,
    duration,
    holder,
    moment,
    no_daemon,
    short,
    times,
    waiting,
)
from cdc_daemon.insight.trace.remedies import blocking
from cdc_daemon.insight.trace.verdict import Standing, Verdict


def sentence(facts: Facts, verdict: Verdict) -> str:
    """Return the verdict as one sentence without a full stop."""
    if verdict.sink is not None:
        sink = next(each for each in facts.sinks if each.name == verdict.sink)
        return of_sink(facts, sink, verdict.standing)
    return _SENTENCES[verdict.standing](facts)


def of_sink(facts: Facts, sink: Sink, standing: Standing) -> str:
    """Return the sentence on one sink that lacks the stored revision."""
    return _OF_SINK[standing](facts, sink)


def _no_daemon_for(facts: Facts, sink: Sink) -> str:
    return f"Waiting: {no_daemon(facts)}, and sink {sink.name} lacks revision {_revision(facts)}"


def _paused(facts: Facts, sink: Sink) -> str:
    if sink.pause is None:
        return f"Waiting: sink {sink.name} is paused"
    by = f" by role {sink.pause.role}" if sink.pause.role else ""
    by += f" ({sink.pause.os_user})" if sink.pause.os_user and sink.pause.os_user != sink.pause.role else ""
    reason = f": {sink.pause.reason}" if sink.pause.reason else ""
    return f"Waiting: sink {sink.name} is paused since {moment(facts, sink.pause.paused_at)}{by}{reason}"


def _refused(facts: Facts, sink: Sink) -> str:
    item = sink.item
    if item is None:
        return f"Failed: sink {sink.name} refused it"
    refused = f"sink {sink.name} refused revision {item.revision} {times(item.attempts)}"
    if item.next_attempt_at is None:
        return f"Parked: {refused}; its last answer: {answer(item)}"
    return f"Failed: {refused}: {answer(item)}; next attempt at {moment(facts, item.next_attempt_at)}"


def _sink_fails(facts: Facts, sink: Sink) -> str:
    since = f" since {moment(facts, sink.failing_since)}" if sink.failing_since else ""
    again = f"; next try at {moment(facts, sink.next_try_at)}" if sink.next_try_at else ""
    tried = f"tried {times(sink.attempts)}"
    return f"Waiting: sink {sink.name} takes nothing{since} ({tried}): {sink.failure}{again}"


def _snapshot(_: Facts, sink: Sink) -> str:
    progress = "has not reached this key" if sink.snapshot == "under way" else "has not begun"
    return f"Waiting: sink {sink.name} gets a full snapshot, which {progress}"


def _undelivered(facts: Facts, sink: Sink) -> str:
    if sink.item:
        return f"Waiting: sink {sink.name} gets revision {_revision(facts)} once more: a replay asked for it"
    before = f"; {counted(sink.ahead, 'change')} of the feed before it" if sink.ahead else ""
    return f"Waiting: sink {sink.name} has not taken revision {_revision(facts)} yet{before}"


_OF_SINK: Mapping[Standing, Callable[[Facts, Sink], str]] = {
    Standing.NO_DAEMON: _no_daemon_for,
    Standing.PAUSED: _paused,
    Standing.PARKED: _refused,
    Standing.REFUSED: _refused,
    Standing.SINK_FAILS: _sink_fails,
    Standing.SNAPSHOT: _snapshot,
    Standing.UNDELIVERED: _undelivered,
}


def _not_captured(facts: Facts) -> str:
    state = facts.state
    if state.disabled:
        return f"Not captured: the change is in no changelog: {'; '.join(state.disabled)}"
    since = f", since {moment(facts, state.uncaptured_since)}" if state.uncaptured_since else ""
    return f"Not captured: {state.uncaptured}{since}"


def _stopped(facts: Facts) -> str:
    since = f" since {moment(facts, facts.state.stopped_at)}" if facts.state.stopped_at else ""
    again = f"; next try at {moment(facts, facts.state.retry_at)}" if facts.state.retry_at else ""
    return f"Waiting: the feed is stopped{since}: {facts.state.stopped}{again}"


def _no_daemon(facts: Facts) -> str:
    seen = facts.state.seen_at
    return f"Waiting: {no_daemon(facts)}" + (f"; the last pass was at {moment(facts, seen)}" if seen else "")


def _blocked(facts: Facts) -> str:
    holders = blocking(facts.state.holders)
    if not holders:
        return f"Waiting: a transaction holds a table that the query reads ({facts.yielded.failed})"
    return f"Waiting: {holder(facts, holders[0])}"


def _set_aside(facts: Facts) -> str:
    failed = facts.set_aside
    if failed is None:
        return _query_fails(facts)
    status = f"{failed.status}: " if failed.status else ""
    again = (
        f"next attempt at {moment(facts, failed.retry_at)}"
        if failed.retry_at
        else "tried again when a change reaches it"
    )
    return (
        f"Failed: the query fails for its entity since {moment(facts, failed.first_failed_at)}: "
        f"{status}{failed.reason}; {again}"
    )


def _query_fails(facts: Facts) -> str:
    return f"Unknown: the query can't be run for this key: {facts.yielded.failed}"


def _backlog(facts: Facts) -> str:
    waiting = facts.backlog
    if waiting is None:
        return "Waiting: in the backlog"
    when = f", its turn comes in about {duration(waiting.seconds)}" if waiting.seconds is not None else ""
    ahead = counted(waiting.ahead, "entity", "entities")
    return f"Waiting: in the backlog behind {ahead} ({waiting.reason}){when}"


def _unread(facts: Facts) -> str:
    if not facts.waiting:
        return "Waiting: what the feed depends on was changed since its last pass; the next one plans it anew"
    return f"Waiting: the feed has not read {waiting(facts, facts.waiting[0])}"


def _due(facts: Facts) -> str:
    when = facts.stored.refresh_at if facts.stored else None
    if when is None:
        return "Waiting: the query wants it recomputed"
    seconds = (when - facts.asked_at).total_seconds()
    if seconds <= 0:
        return f"Waiting: due since {moment(facts, when)} (_refresh_at)"
    return f"Waiting: due at {moment(facts, when)}, in {duration(seconds)} (_refresh_at)"


def _delivered(facts: Facts) -> str:
    names = ", ".join(sink.name for sink in facts.sinks)
    event = facts.stored_by
    taken = _taken(event, facts) if event else []
    if event is None or event.revision is None or not taken:
        return f"Delivered to {names}: revision {_stored(facts)}"
    last = max(taken)
    told = f"Delivered to {names} at {moment(facts, last)}"
    captured = event.revision.captured_at
    if captured is not None and len(event.revision.causes) == 1 and not event.revision.requests:
        after = (last - captured).total_seconds()
        return f"{told}, {short(after)} after {cause(event.revision.causes[0])}"
    why = reason(event.revision)
    return f"{told}: revision {_revision(facts)}{f', after {why}' if why else ''}"


def _taken(event: Event, facts: Facts) -> list[datetime]:
    """Return when each sink took the revision first; nothing if the history can't tell it of one of them."""
    times = {each.sink: each.delivered_at for each in event.deliveries if each.kind in {"page", "taken"}}
    return (
        [times[sink.name] for sink in facts.sinks] if all(sink.name in times for sink in facts.sinks) else []
    )


def _unchanged(facts: Facts) -> str:
    last = facts.unchanged_by
    if last is None:
        return "Unchanged"
    why = tables(last)
    rest = f"; revision {_stored(facts)}"
    if facts.sinks:
        rest += f", delivered to {', '.join(sink.name for sink in facts.sinks)}"
    because = f" because {why}" if why else ""
    return f"Unchanged: recomputed at {moment(facts, last.at)}{because}, the document is the same{rest}"


def _gone(facts: Facts) -> str:
    left = f"; it left the feed at {moment(facts, facts.stored.modified_at)}" if facts.stored else ""
    return f"Not a document: the query yields no row{left}"


def _stored(facts: Facts) -> str:
    stored = facts.stored
    return f"{stored.revision}, stored at {moment(facts, stored.modified_at)}" if stored else ""


_SENTENCES: Mapping[Standing, Callable[[Facts], str]] = {
    Standing.NOT_CAPTURED: _not_captured,
    Standing.FEED_STOPPED: _stopped,
    Standing.NO_DAEMON: _no_daemon,
    Standing.BLOCKED: _blocked,
    Standing.NOT_BEGUN: lambda _: "Waiting: the feed's first sync, or one from its beginning, has not begun",
    Standing.SET_ASIDE: _set_aside,
    Standing.QUERY_FAILS: _query_fails,
    Standing.IN_BACKLOG: _backlog,
    Standing.UNREAD: _unread,
    Standing.DUE: _due,
    Standing.DIFFERENT: lambda _: (
        "Different: the stored document is not the one that the query yields, and no change is on its way"
    ),
    Standing.DELIVERED: _delivered,
    Standing.UNCHANGED: _unchanged,
    Standing.STORED: lambda facts: f"Stored, and no sink takes the feed: revision {_stored(facts)}",
    Standing.GONE: _gone,
    Standing.NEVER: lambda _: "Not a document: the query yields no row for this key, and none is stored",
}


def _revision(facts: Facts) -> int | None:
    return facts.stored.revision if facts.stored else None
