"""`cdc-daemon failed`: what sinks refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

import click
import orjson

from cdc_daemon.cli.deliveries import require_known, sink_option
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.workers import control
from cdc_daemon.workers.control import FailedItem


@click.command(short_help="What sinks refused.")
@feeds_argument
@sink_option
@json_option
def failed(feeds: tuple[str, ...], sink: str | None, as_json: bool) -> None:
    """Show the documents that sinks refused (default: of every feed), the oldest first.

    Each is tried again after a pause that grows to an hour, until it is taken, or parked after the sink's
    `max_attempts`. A change of the document makes it go out anew.

    \b
    Examples:
      cdc-daemon failed
      cdc-daemon failed products --sink catalog --json
    """
    settings = invocation().settings()
    require_known(settings, sink=sink, feed=None)
    with session(settings, "failed") as (connection, _):
        found = control.failed_items(connection, chosen(settings, feeds), sink=sink)
    if as_json:
        echo_json([{**asdict(item), "key": orjson.Fragment(item.key)} for item in found])
        return
    for item in found:
        for line in _lines(item):
            echo(line)
    if not found:
        echo("No failed items.")


def _lines(item: FailedItem) -> Iterator[str]:
    yield f"sink {item.sink}, feed {item.feed}, {item.key}, revision {item.revision}"
    status = f"{item.status}: " if item.status else ""
    yield f"  {status}{item.reason}"
    after = "parked" if item.next_attempt_at is None else f"next attempt {_moment(item.next_attempt_at)}"
    yield f"  first refused {_moment(item.first_failed_at)}   attempts {item.attempts}   {after}"


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
