"""Lines about a document, for the command line and pages: sinks, what waits, events of its history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cdc_daemon.insight.trace.causes import reason
from cdc_daemon.insight.trace.facts import Event, Facts, Sink
from cdc_daemon.insight.trace.phrases import counted, duration, holder, moment, no_daemon
from cdc_daemon.insight.trace.verdict import obstacle
from cdc_daemon.insight.trace.words import of_sink


def of_delivery(facts: Facts, sink: Sink) -> str:
    """Return what a sink has of the document, and what it lacks."""
    if sink.has is None:
        told = "nothing to deliver"
    elif sink.has:
        told = f"delivered (revision {facts.stored.revision})" if facts.stored else "delivered"
    else:
        sentence = of_sink(facts, sink, obstacle(facts, sink))
        return sentence[0].lower() + sentence[1:]
    if sink.pause:
        told += "; paused"
    if sink.failure:
        told += f"; takes nothing now: {sink.failure}"
    return told


def of_places(facts: Facts) -> Iterator[str]:
    """Yield where the document's entity waits."""
    if facts.backlog:
        turn = facts.backlog.seconds
        when = f", its turn in about {duration(turn)}" if turn is not None else ""
        yield f"backlog: {facts.backlog.ahead:,} before it ({facts.backlog.reason}){when}"
    if facts.stored and facts.stored.refresh_at:
        yield f"due at {moment(facts, facts.stored.refresh_at)} (_refresh_at)"
    if facts.set_aside:
        failed = facts.set_aside
        yield f"set aside: {counted(failed.attempts, 'attempt')}, {failed.reason}"


def of_event(facts: Facts, event: Event) -> str:
    """Return one event: what was stored, after which changes, and who got it."""
    of = event.revision or event.unchanged
    why = reason(of) if of else None
    after = f", after {why}" if why else ""
    if event.revision is None:
        return f"recomputed without a change{after}"
    fields = event.revision.changed_fields
    what = (
        "deleted" if event.revision.deleted else "new" if fields is None else f"changed {', '.join(fields)}"
    )
    return "; ".join((f"revision {event.revision.revision}: {what}{after}", *of_deliveries(facts, event)))


def of_deliveries(facts: Facts, event: Event) -> Iterator[str]:
    """Yield what each sink did with a revision."""
    scans: dict[str, list[datetime]] = {}
    for each in reversed(event.deliveries):
        if each.kind == "scan":
            scans.setdefault(each.sink, []).append(each.delivered_at)
        elif each.kind == "refused":
            yield f"{each.sink} refused it at {moment(facts, each.delivered_at)}: {each.answer}"
        else:
            yield f"{each.sink} took it at {moment(facts, each.delivered_at)}"
    for sink, times in scans.items():
        yield f"{sink} got it by a scan that began to deliver at {moment(facts, times[0])}"
    for sink in event.superseded:
        yield f"{sink} got a newer revision instead"


def of_feed(facts: Facts) -> Iterator[str]:
    """Yield what is wrong with the feed, so that no document of it goes on."""
    state = facts.state
    if not state.followed:
        yield f"daemon: {no_daemon(facts)}"
    if state.stopped:
        yield f"feed: stopped: {state.stopped}"
    if state.unplanned and state.unplanned != state.stopped:
        yield f"feed: can't be planned: {state.unplanned}"
    if not state.begun:
        yield "feed: its first sync, or one from its beginning, has not begun"
    if state.uncaptured:
        yield f"feed: not captured yet: {state.uncaptured}"
    if state.disabled:
        yield f"feed: not captured: {'; '.join(state.disabled)}"
    for each in state.holders:
        yield f"open: {holder(facts, each)}"
