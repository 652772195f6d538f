"""Answers of `trace` as JSON, as docs/reference.md describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from cdc_daemon.insight.trace.ask import Answer, Answers
from cdc_daemon.insight.trace.rows import Reached, RowAnswer


def json_of(answer: Answer) -> dict[str, Any]:
    """Return what became of one document."""
    facts = asdict(answer.facts)
    facts["key"] = orjson.Fragment(answer.facts.key)
    for part in ("yielded", "stored"):
        _as_fragments(facts[part], "document")
    for difference in facts["differences"]:
        _as_fragments(difference, "stored", "now")
    if answer.facts.backlog is not None:
        facts["backlog"]["seconds"] = answer.facts.backlog.seconds
    for sink in facts["sinks"]:
        sink["item"] = sink["item"] and _without(sink["item"], "sink", "feed", "key")
    return {
        "verdict": answer.verdict.standing,
        "sink": answer.verdict.sink,
        "sentence": answer.sentence,
        "hint": answer.hint,
        **facts,
    }


def json_of_several(found: Answers) -> dict[str, Any]:
    """Return what became of the documents of an entity."""
    return {"documents": [json_of(answer) for answer in found.answers], "more": found.more}


def json_of_row(found: RowAnswer) -> dict[str, Any]:
    """Return what a source row reaches."""
    return {
        "table": found.table,
        "rows": found.rows,
        "feeds": [_json_of_reached(each) for each in found.feeds],
    }


def _json_of_reached(reached: Reached) -> dict[str, Any]:
    return {
        "feed": reached.feed,
        "unplanned": reached.unplanned,
        "routes": [asdict(way) for way in reached.ways],
        "documents": [json_of(answer) for answer in reached.answers],
        "more": reached.documents > len(reached.answers),
    }


def _as_fragments(found: dict[str, Any] | None, *names: str) -> None:
    for name in names:
        if found is not None and found[name] is not None:
            found[name] = orjson.Fragment(found[name])


def _without(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}
