"""`cdc-daemon plan`: what is captured, and what would be installed?"""

from __future__ import annotations

from typing import Literal

import click

from cdc_daemon.cli import graph as pictures
from cdc_daemon.cli import plans
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.plan_json import as_json as json_of_plans
from cdc_daemon.cli.plan_text import lines_of_plan
from cdc_daemon.cli.terminal import echo, echo_exactly
from cdc_daemon.workers.installation import wanted_steps
from cdc_daemon.workers.survey import survey

_PICTURES = ("mermaid", "dot")


class _PlanCommand(click.Command):
    """`--graph` takes the word behind it only if that names a kind of picture: `plan --graph products` is
    about a feed. click itself would take any."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for n, argument in enumerate(args):
            if argument == "--":
                break
            if argument == "--graph":
                named = args[n + 1 : n + 2]
                if named and named[0] in _PICTURES:
                    args = [*args[:n], f"--graph={named[0]}", *args[n + 2 :]]
                else:
                    args = [*args[:n], f"--graph={_PICTURES[0]}", *args[n + 1 :]]
                break
        return super().parse_args(ctx, args)


@click.command(cls=_PlanCommand, short_help="What is captured, and what would be installed?")
@feeds_argument
@json_option
@click.option(
    "--explain", is_flag=True, help="Have PostgreSQL plan the routes and a recomputation; say what is slow."
)
@click.option(
    "--graph",
    type=click.Choice(_PICTURES),
    is_flag=False,
    flag_value=_PICTURES[0],
    help="Print a picture of tables, routes and feeds instead: Mermaid, or `--graph dot` for Graphviz.",
)
def plan(
    feeds: tuple[str, ...], as_json: bool, explain: bool, graph: Literal["mermaid", "dot"] | None
) -> None:
    """Show how changes reach the documents of every FEED (default: all), and what `install` would do.

    For each place where a feed's query reads a table: line and column, the columns whose change counts, the
    link columns that are captured, the rows that count, the route from a changed row to the entities to
    recompute, whether an index serves each step, and how many entities one changed row reaches (a forecast
    from the statistics of ANALYZE).

    \b
      direct   the captured columns are the entity
      join     through other tables, with the SQL that is run
      partial  they are a part of the entity: one change touches several entities
      all      every change recomputes the whole feed; the reason is shown

    Nothing is changed. --explain runs the query for one entity at most, for five seconds at most.

    \b
    Examples:
      cdc-daemon plan
      cdc-daemon plan products --explain
      cdc-daemon plan products --json
      cdc-daemon plan --graph dot | dot -Tsvg > plan.svg
    """
    if as_json and graph:
        raise click.UsageError("--json and --graph both print the whole output: give one of them.")
    settings = invocation().settings()
    names = chosen(settings, feeds)
    with session(settings, "plan") as (connection, _):
        found = plans.plan_feeds(connection, settings, names)
        surveys = [survey(connection, each, explained=explain) for each in found]
        # What no feed needs any more is known only when all feeds are.
        steps = wanted_steps(connection, settings, found, complete=set(names) == set(settings.feeds))
    if as_json:
        echo_json(json_of_plans(surveys, steps))
        return
    if graph:
        for line in pictures.dot(surveys) if graph == "dot" else pictures.mermaid(surveys):
            echo_exactly(line)
        return
    for each in surveys:
        for line in lines_of_plan(each):
            echo_exactly(line)
        echo()
    echo("install would:" if steps else "install would do nothing: all stands as wanted.")
    for line in plans.lines_of_steps(steps):
        echo_exactly(line)
