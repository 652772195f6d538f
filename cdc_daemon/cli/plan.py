"""`cdc-daemon plan`: what is captured, and what would be installed?"""

from __future__ import annotations

import click

from cdc_daemon.cli import plans
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.workers.installation import wanted_steps


@click.command(short_help="What is captured, and what would be installed?")
@feeds_argument
@json_option
def plan(feeds: tuple[str, ...], as_json: bool) -> None:
    """Show how changes reach the documents of every FEED (default: all), and what `install` would do.

    For each place where a feed's query reads a table: the columns whose change counts, the link columns that
    are captured, and the route from a changed row to the entities to recompute.

    \b
      direct   the captured columns are the entity
      join     through other tables, with the SQL that is run
      partial  they are a part of the entity: one change touches several entities
      all      every change recomputes the whole feed; the reason is shown

    Nothing is changed.

    \b
    Examples:
      cdc-daemon plan
      cdc-daemon plan products --json
    """
    settings = invocation().settings()
    names = chosen(settings, feeds)
    with session(settings, "plan") as (connection, _):
        found = plans.plan_feeds(connection, settings, names)
        # What no feed needs any more is known only when all feeds are.
        steps = wanted_steps(connection, settings, found, complete=set(names) == set(settings.feeds))
    if as_json:
        echo_json(plans.as_json(found, steps))
        return
    for feed in found:
        for line in plans.lines_of_plan(feed):
            click.echo(line)
        click.echo()
    click.echo("install would:" if steps else "install would do nothing: all stands as wanted.")
    for line in plans.lines_of_steps(steps):
        click.echo(line)
