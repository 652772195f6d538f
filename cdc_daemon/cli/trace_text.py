"""Lays out what became of a document: the verdict first, then the facts."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.insight.trace.ask import Answer, Answers
from cdc_daemon.insight.trace.facts import Difference, Facts
from cdc_daemon.insight.trace.lines import of_delivery, of_event, of_feed, of_places
from cdc_daemon.insight.trace.phrases import counted, moment, waiting
from cdc_daemon.insight.trace.rows import MOST_ENTITIES, MOST_ROWS, Reached, RowAnswer, Way

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
        yield f"  sink {sink.name}: {of_delivery(facts, sink)}"
    for each in facts.waiting:
        yield f"  unread: {waiting(facts, each)}, read as {each.alias}"
    if facts.unread_unknown:
        yield f"  unread: nobody can tell which changes reach it: {facts.unread_unknown}"
    for line in (*of_places(facts), *of_feed(facts)):
        yield f"  {line}"
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


def _history(facts: Facts) -> Iterator[str]:
    if facts.history.events:
        yield "  history, the newest first:"
    for event in facts.history.events:
        yield f"    {moment(facts, event.at)}  {of_event(facts, event)}"
