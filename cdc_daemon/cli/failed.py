"""`cdc-daemon failed`: shows entities that failed and documents that sinks refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

import click
import orjson

from cdc_daemon.cli.deliveries import require_known, sink_option
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.feeds.failed_entities import named
from cdc_daemon.workers import control
from cdc_daemon.workers.control import FailedEntity, FailedItem


@click.command(short_help="Show entities that failed and documents that sinks refused.")
@feeds_argument
@sink_option
@json_option
def failed(feeds: tuple[str, ...], sink: str | None, as_json: bool) -> None:
    """Show failed entities and failed items (default: of every feed), the oldest first.

    The command first shows the entities for which a feed's query fails, with PostgreSQL's message. Their
    documents stay as they were. The daemon tries an entity again when a change reaches it.

    Then it shows the documents that sinks refused (with --sink only these). The daemon sends each of them
    again after a pause that grows to an hour, until the sink takes it. After the sink's `max_attempts` it
    parks the document. It also sends a document again when it changes.

    \b
    Examples:
      cdc-daemon failed
      cdc-daemon failed products --sink catalog --json
    """
    settings = invocation().settings()
    require_known(settings, sink=sink, feed=None)
    names = chosen(settings, feeds)
    with session(settings, "failed") as (connection, _):
        found = control.failed_items(connection, names, sink=sink)
        entities = control.failed_entities(connection, names) if sink is None else []
    columns = {name: settings.feeds[name].entity for name in names}
    if as_json:
        echo_json(
            [
                *(_entity_as_json(each, columns[each.feed]) for each in entities),
                *({**asdict(item), "key": orjson.Fragment(item.key)} for item in found),
            ]
        )
        return
    for each in entities:
        for line in _entity_lines(each, columns[each.feed]):
            echo(line)
    for item in found:
        for line in _lines(item):
            echo(line)
    if not found and not entities:
        echo("No failed items.")


def _entity_as_json(each: FailedEntity, columns: Sequence[str]) -> dict[str, object]:
    """Return a failed entity with the members of a failed item; `sink` and `revision` are None."""
    return {
        "sink": None,
        "feed": each.feed,
        "key": None if each.entity is None else dict(zip(columns, each.entity, strict=True)),
        "revision": None,
        "attempts": each.attempts,
        "status": each.status,
        "reason": each.reason,
        "first_failed_at": each.first_failed_at,
        "next_attempt_at": each.retry_at,
    }


def _entity_lines(each: FailedEntity, columns: Sequence[str]) -> Iterator[str]:
    if each.entity is None:
        yield f"feed {each.feed}, unknown entities"
    else:
        yield f"feed {each.feed}, entity {orjson.dumps(named(columns, tuple(each.entity))).decode()}"
    yield f"  {f'{each.status}: ' if each.status else ''}{each.reason}"
    after = f"next attempt {_moment(each.retry_at)}" if each.retry_at else "tried again when it changes"
    yield f"  first failed {_moment(each.first_failed_at)}   attempts {each.attempts}   {after}"


def _lines(item: FailedItem) -> Iterator[str]:
    yield f"sink {item.sink}, feed {item.feed}, {item.key}, revision {item.revision}"
    status = f"{item.status}: " if item.status else ""
    yield f"  {status}{item.reason}"
    after = "parked" if item.next_attempt_at is None else f"next attempt {_moment(item.next_attempt_at)}"
    yield f"  first refused {_moment(item.first_failed_at)}   attempts {item.attempts}   {after}"


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
