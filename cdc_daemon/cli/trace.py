"""`cdc-daemon trace`: tells what became of a document, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click
import orjson

from cdc_daemon.cli.deliveries import pairs
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.cli.trace_text import lines_of
from cdc_daemon.errors import CdcError
from cdc_daemon.insight.trace.ask import Answer, Answers, ask_entity, ask_key


@click.command(short_help="Tell what became of a document, and why.")
@click.argument("feed", metavar="FEED")
@click.argument("values", nargs=-1, required=True, metavar="KEY...")
@click.option("--entity", "of_entity", is_flag=True, help="KEY names an entity: show all of its documents.")
@json_option
def trace(feed: str, values: tuple[str, ...], of_entity: bool, as_json: bool) -> None:
    """Tell what became of the document with KEY in FEED. The daemon need not run.

    KEY has the values of the key columns in their order, or COLUMN=VALUE for each. The first line is the
    verdict: the document is delivered, or what stands between its rows and its receivers. The lines below
    show the document as it is stored and as the query yields it now, each sink, and what waits.

    \b
    Examples:
      cdc-daemon trace products A-1
      cdc-daemon trace products sku=A-1 storeViewCode=de
      cdc-daemon trace products --entity 7
    """
    settings = invocation().settings()
    (name,) = chosen(settings, [feed])
    columns = settings.feeds[name].entity if of_entity else settings.feeds[name].key
    key = _in_order(values, columns)
    with session(settings, f"trace {name}") as (connection, _):
        found = (
            ask_entity(connection, settings, name, key)
            if of_entity
            else Answers([ask_key(connection, settings, name, key)])
        )
    if not found.answers:
        raise CdcError(
            "no document of this entity is stored, and the query yields none",
            where=f"feed {name}",
            hint="spell the value as in the document",
        )
    if as_json:
        answers = [as_json_of(answer) for answer in found.answers]
        echo_json({"documents": answers, "more": found.more} if of_entity else answers[0])
        return
    _echo(found)


def _echo(found: Answers) -> None:
    for number, answer in enumerate(found.answers):
        if number:
            echo()
        for line in lines_of(answer):
            echo(line)
    if found.more:
        echo(f"There are more than these {len(found.answers)} documents.")


def _in_order(values: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the values of these columns, given in their order or each by its column's name.

    Raises:
        click.UsageError: a column has no value, or there are too many values.
    """
    if all(value.partition("=")[0] in columns and "=" in value for value in values):
        named = pairs(tuple(values), "KEY")
        if named.keys() == set(columns):
            return tuple(named[column] for column in columns)
    elif len(values) == len(columns):
        return tuple(values)
    raise click.UsageError(f"KEY needs a value of each of these columns: {', '.join(columns)}.")


def as_json_of(answer: Answer) -> dict[str, Any]:
    """Return an answer as docs/reference.md describes it."""
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


def _as_fragments(found: dict[str, Any] | None, *names: str) -> None:
    for name in names:
        if found is not None and found[name] is not None:
            found[name] = orjson.Fragment(found[name])


def _without(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}
