"""`cdc-daemon plan`: shows how changes reach documents, and what `install` would do."""

from __future__ import annotations

from typing import Literal

import click

from cdc_daemon.cli import graph as pictures
from cdc_daemon.cli import plans
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.plan_json import as_json as json_of_plans
from cdc_daemon.cli.plan_text import lines_of_plan, lines_of_stages
from cdc_daemon.cli.terminal import echo, echo_exactly
from cdc_daemon.workers.installation import wanted_steps
from cdc_daemon.workers.plan_costs import plan_costs

_PICTURES = ("mermaid", "dot")


class _PlanCommand(click.Command):
    """Takes the word after `--graph` as its value only if it names a kind of graph.

    In `plan --graph products` the word is a feed. click itself would take any word as the value.
    """

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


@click.command(cls=_PlanCommand, short_help="Show how changes reach documents, and what to install.")
@feeds_argument
@json_option
@click.option(
    "--explain",
    is_flag=True,
    help="Have PostgreSQL plan the routes and a recomputation, and show what is slow.",
)
@click.option(
    "--graph",
    type=click.Choice(_PICTURES),
    is_flag=False,
    flag_value=_PICTURES[0],
    help="Print a graph of tables, routes and feeds instead: Mermaid, or `--graph dot` for Graphviz.",
)
@click.option(
    "--stages",
    is_flag=True,
    help="Print the query after each stage of the analysis instead, for contributors and bug reports.",
)
def plan(
    feeds: tuple[str, ...],
    as_json: bool,
    explain: bool,
    graph: Literal["mermaid", "dot"] | None,
    stages: bool,
) -> None:
    """Show how changes reach the documents of every FEED (default: all), and what `install` would do.

    The command shows each place where a feed's query reads a table: line and column, the columns whose change
    counts, the link columns that the trigger captures, the rows that count, the route from a changed row to
    the entities, whether an index serves each step, and how many entities one changed row reaches (a
    forecast from the statistics of ANALYZE).

    \b
      direct   the link columns are the entity
      join     the route leads through other tables, by the SQL that is shown
      partial  the link columns are a part of the entity: one change affects several entities
      all      every change recomputes the whole feed, for the reason that is shown

    The command changes nothing. --explain runs the query for at most one entity and at most five seconds.

    \b
    Examples:
      cdc-daemon plan
      cdc-daemon plan products --explain
      cdc-daemon plan products --json
      cdc-daemon plan --graph dot | dot -Tsvg > plan.svg
      cdc-daemon plan products --stages
    """
    if sum((as_json, graph is not None, stages)) > 1:
        raise click.UsageError("--json, --graph and --stages each print the whole output: give one of them.")
    settings = invocation().settings()
    names = chosen(settings, feeds)
    with session(settings, "plan") as (connection, _):
        found = plans.plan_feeds(connection, settings, names)
        if stages:
            for feed in found:
                for line in lines_of_stages(feed):
                    echo_exactly(line)
            return
        costs = [plan_costs(connection, each, explained=explain) for each in found]
        # Only a plan of all feeds tells which objects no feed needs.
        steps = wanted_steps(connection, settings, found, complete=set(names) == set(settings.feeds))
    if as_json:
        echo_json(json_of_plans(costs, steps))
        return
    if graph:
        for line in pictures.dot(costs) if graph == "dot" else pictures.mermaid(costs):
            echo_exactly(line)
        return
    for each in costs:
        for line in lines_of_plan(each):
            echo_exactly(line)
        echo()
    echo("install would:" if steps else "install would do nothing: all stands as wanted.")
    for line in plans.lines_of_steps(steps):
        echo_exactly(line)
