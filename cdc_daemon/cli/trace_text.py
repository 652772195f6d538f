"""Lays out what became of a document: the verdict first, then the facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cdc_daemon.insight.trace.ask import Answer, Answers
from cdc_daemon.insight.trace.causes import reason
from cdc_daemon.insight.trace.facts import Difference, Event, Facts, Sink
from cdc_daemon.insight.trace.phrases import counted, duration, holder, moment, no_daemon, waiting
from cdc_daemon.insight.trace.rows import MOST_ENTITIES, MOST_ROWS, Reached, RowAnswer, Way
from cdc_daemon.insight.trace.verdict import obstacle
from cdc_daemon.insight.trace.words import of_sink

LONGEST_VALUE, LONGEST_DOCUMENT = 100, 2000
"""Largest number of characters of a field's value and of a document. `--json` shows all of them."""


def lines_of(answer: Answer) -> Iterator[str]:
    """Yield the lines about one document."""
    facts = answer.facts
    yield answer.sentence
    if answer.hint:
        yield f"Try: {answer.hint}"
    yield f"feed {facts.feed}, key {facts.key}" + (
        f", entity {_entity(facts)}" if facts.entity is not None else ""
    )
    yield from _stored(facts)
    yield from _now(facts)
    for sink in facts.sinks:
        yield f"  sink {sink.name}: {_sink(facts, sink)}"
    for each in facts.waiting:
        yield f"  unread: {waiting(facts, each)}, read as {each.alias}"
    if facts.unread_unknown:
        yield f"  unread: nobody can tell which changes reach it: {facts.unread_unknown}"
    yield from _places(facts)
    yield from _of_feed(facts)
    yield from _history(facts)


def lines_of_several(found: Answers) -> Iterator[str]:
    """Yield the lines about documents of an entity."""
    for number, answer in enumerate(found.answers):
        if number:
            yield ""
        yield from lines_of(answer)
    if found.more:
        yield f"There are more than these {len(found.answers)} documents."


def lines_of_row(found: RowAnswer) -> Iterator[str]:
    """Yield the lines about a source row: the feeds that it reaches, with a line for each document."""
    rows = f"{found.rows} or more rows have" if found.rows == MOST_ROWS else counted(found.rows, "row")
    verb = "" if found.rows == MOST_ROWS else " has" if found.rows == 1 else " have"
    yield f"table {found.table}: {rows}{verb} these values" + (
        "" if found.rows else ": the values are followed as those of a row that is gone"
    )
    for each in found.feeds:
        yield from _reached(each)


def _reached(reached: Reached) -> Iterator[str]:
    if reached.unplanned is not None:
        yield f"feed {reached.feed}: nobody can tell, for it can't be planned: {reached.unplanned}"
        return
    for way in reached.ways:
        yield f"feed {reached.feed}: {_way(way)}"
    for answer in reached.answers:
        yield f"  {answer.facts.key}: {answer.sentence}"
    if reached.documents > len(reached.answers):
        yield f"  and more than these {len(reached.answers)} documents"


def _way(way: Way) -> str:
    by = f"by the route {way.route}, read as {way.alias}"
    if way.failed is not None:
        return f"{by}: {way.failed}"
    if way.entities is None:
        return f"{by}: a change of it recomputes every document"
    number = counted(way.entities, "entity", "entities")
    return f"{by}: reaches {number}{' or more' if way.entities == MOST_ENTITIES else ''}"


def _entity(facts: Facts) -> str:
    return ", ".join(f"{name}={value}" for name, value in (facts.entity or {}).items())


def _stored(facts: Facts) -> Iterator[str]:
    stored = facts.stored
    if stored is None:
        yield "  stored: nothing"
        return
    what = "deleted" if stored.deleted else f"hash {(stored.hash or '')[:12]}"
    yield (
        f"  stored: revision {stored.revision}, {what}, captured {moment(facts, stored.captured_at)}, "
        f"stored {moment(facts, stored.modified_at)}"
    )
    if stored.document is not None:
        yield f"    {_clipped(stored.document, LONGEST_DOCUMENT)}"


def _now(facts: Facts) -> Iterator[str]:
    now = facts.yielded
    if now.failed is not None:
        yield f"  now: nobody knows: {now.failed}"
    elif now.document is None:
        yield "  now: the query yields no row"
    elif facts.is_current:
        yield (
            "  now: the same document" if not facts.differences else "  now: the same but for excluded fields"
        )
    else:
        what = "another document" if facts.stored and not facts.stored.deleted else "a document"
        yield f"  now: {what}, hash {(now.hash or '')[:12]}"
        yield f"    {_clipped(now.document, LONGEST_DOCUMENT)}"
    if now.failed is None and facts.stored is not None and facts.stored.document and now.document:
        for each in facts.differences:
            yield f"  differs: {_difference(each)}"


def _difference(each: Difference) -> str:
    excluded = "" if each.counts else " (in `hash_exclude`: it alone makes no revision)"
    return f"{each.name}: stored {_value(each.stored)}, now {_value(each.now)}{excluded}"


def _value(text: str | None) -> str:
    return "nothing" if text is None else _clipped(text, LONGEST_VALUE)


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _sink(facts: Facts, sink: Sink) -> str:
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


def _places(facts: Facts) -> Iterator[str]:
    if facts.backlog:
        turn = facts.backlog.seconds
        when = f", its turn in about {duration(turn)}" if turn is not None else ""
        yield f"  backlog: {facts.backlog.ahead:,} before it ({facts.backlog.reason}){when}"
    if facts.stored and facts.stored.refresh_at:
        yield f"  due at {moment(facts, facts.stored.refresh_at)} (_refresh_at)"
    if facts.set_aside:
        failed = facts.set_aside
        yield f"  set aside: {counted(failed.attempts, 'attempt')}, {failed.reason}"


def _history(facts: Facts) -> Iterator[str]:
    if facts.history.events:
        yield "  history, the newest first:"
    for event in facts.history.events:
        yield f"    {moment(facts, event.at)}  {_event(facts, event)}"


def _event(facts: Facts, event: Event) -> str:
    of = event.revision or event.unchanged
    why = reason(of) if of else None
    after = f", after {why}" if why else ""
    if event.revision is None:
        return f"recomputed without a change{after}"
    fields = event.revision.changed_fields
    what = (
        "deleted" if event.revision.deleted else "new" if fields is None else f"changed {', '.join(fields)}"
    )
    return f"revision {event.revision.revision}: {what}{after}{''.join(_deliveries(facts, event))}"


def _deliveries(facts: Facts, event: Event) -> Iterator[str]:
    scans: dict[str, list[datetime]] = {}
    for each in reversed(event.deliveries):
        if each.kind == "scan":
            scans.setdefault(each.sink, []).append(each.delivered_at)
        elif each.kind == "refused":
            yield f"; {each.sink} refused it at {moment(facts, each.delivered_at)}: {each.answer}"
        else:
            yield f"; {each.sink} took it at {moment(facts, each.delivered_at)}"
    for sink, times in scans.items():
        yield f"; {sink} got it by a scan that began to deliver at {moment(facts, times[0])}"
    for sink in event.superseded:
        yield f"; {sink} got a newer revision instead"


def _of_feed(facts: Facts) -> Iterator[str]:
    state = facts.state
    if not state.followed:
        yield f"  daemon: {no_daemon(facts)}"
    if state.stopped:
        yield f"  feed: stopped: {state.stopped}"
    if state.unplanned and state.unplanned != state.stopped:
        yield f"  feed: can't be planned: {state.unplanned}"
    if not state.begun:
        yield "  feed: its first sync, or one from its beginning, has not begun"
    if state.uncaptured:
        yield f"  feed: not captured yet: {state.uncaptured}"
    if state.disabled:
        yield f"  feed: not captured: {'; '.join(state.disabled)}"
    for each in state.holders:
        yield f"  open: {holder(facts, each)}"
