"""`cdc-daemon estimate`: estimates the size and the time of a first sync."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from cdc_daemon.cli import plans
from cdc_daemon.cli.estimate_text import lines_of_estimate
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.estimate import estimate as estimated


@click.command(short_help="Estimate the size and the time of a first sync.")
@feeds_argument
@json_option
def estimate(feeds: tuple[str, ...], as_json: bool) -> None:
    """Estimate documents, bytes, requests and time of a first sync of every FEED (default: all).

    The command counts documents by the feed's query. It takes their size and the speed of recomputing them
    from a sample of entities, and the requests from the limits of the sinks. A range follows each number that
    is not certain. The command installs and writes nothing; its transactions are read-only.

    \b
    Examples:
      cdc-daemon estimate
      cdc-daemon estimate products prices
      CDC_SINKS_CATALOG_REQUESTS_PER_SECOND=2 cdc-daemon estimate --json
    """
    settings = invocation().settings()
    names = chosen(settings, feeds)
    with session(settings, "estimate") as (connection, _):
        definitions = [plan.definition for plan in plans.plan_feeds(connection, settings, names)]
        # Counting a large feed takes minutes. Standard output is for the result alone.
        with click.progressbar(length=len(names), label="Counting", file=sys.stderr) as bar:
            found = estimated(connection, settings, definitions, done=lambda _: bar.update(1))
    if as_json:
        echo_json(asdict(found))
        return
    for line in lines_of_estimate(found):
        echo(line)
