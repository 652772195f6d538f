"""`cdc-daemon status`: shows which daemons run, and the state of every feed and sink."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import click

from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.status_text import lines
from cdc_daemon.cli.terminal import echo
from cdc_daemon.insight.health import health
from cdc_daemon.insight.status import Objects, read_objects, read_status
from cdc_daemon.insight.status_json import status_json
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings

WATCH_SECONDS = 2.0

PLAN_SECONDS = 30.0
"""Seconds after which a watched status compares the installed objects anew."""


@click.command(short_help="Show which daemons run, and the state of every feed and sink.")
@feeds_argument
@json_option
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@click.option(
    "--exit-code", is_flag=True, help="End with 0 if all is healthy, 1 if it is degraded, 2 if it is down."
)
def status(feeds: tuple[str, ...], as_json: bool, watch: bool, exit_code: bool) -> None:
    """Show which daemons run, and the state of every FEED (default: all) and its sinks.

    The daemon need not run.

    \b
    Of a feed:
      rows, tombstones   documents that exist, and documents that no longer exist
      backlog            entities that wait for recomputation
      lag                age of the oldest unread change
      drift              objects that differ from those that `install` would create
      failed entities    entities with outdated documents, because the query fails for their rows
    Of a sink: documents that it lacks (undelivered), failed items, and the reason if it takes nothing.

    \b
    Examples:
      cdc-daemon status
      cdc-daemon status products --watch
      cdc-daemon status --exit-code --json
    """
    if watch and (as_json or exit_code):
        raise click.UsageError("--watch shows text until Ctrl-C: give no --json and no --exit-code with it.")
    settings = invocation().settings()
    names = chosen(settings, feeds)
    with session(settings, "status") as (connection, _):
        if watch:
            _watch(connection, settings, names)
            return
        found = read_status(connection, settings, names)
    if as_json:
        echo_json(status_json(found))
    else:
        for line in lines(found):
            echo(line)
    if exit_code:
        click.get_current_context().exit(health(found).exit_code)


def _watch(
    connection: Connection,
    settings: Settings,
    names: Sequence[str],
    *,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    objects: Objects | None = None
    plan_at = 0.0
    try:
        while True:
            if objects is None or time.monotonic() >= plan_at:
                objects = read_objects(connection, settings, names)
                plan_at = time.monotonic() + PLAN_SECONDS
            found = read_status(connection, settings, names, objects=objects)
            click.clear()  # nothing, unless it is a terminal
            for line in lines(found):
                echo(line)
            pause(WATCH_SECONDS)
    except KeyboardInterrupt:
        return
