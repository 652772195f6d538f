"""`cdc-daemon check`: are configuration and queries right?"""

from __future__ import annotations

import click
import psycopg

from cdc_daemon.analysis.plan import RouteKind
from cdc_daemon.cli.failures import fault_line
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.errors import CdcError, ConfigurationError, FeedError
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.settings import Settings
from cdc_daemon.workers.planning import FeedPlan, plan_feed

Fault = tuple[str, str, str | None]


@click.command(short_help="Are configuration and queries right?")
@feeds_argument
@json_option
def check(feeds: tuple[str, ...], as_json: bool) -> None:
    """Check the configuration and, against the database, the queries of every FEED (default: all).

    Nothing is changed. Each fault is one line with its place and what to do about it; warnings are about what
    works, but could cost more than you expect.

    \b
    Exit code: 0 if all is well, 2 if there are faults, 3 if the database can't be reached.

    \b
    Examples:
      cdc-daemon check
      cdc-daemon check products --json
    """
    faults: list[Fault] = []
    warnings: list[Fault] = []
    names: list[str] = []
    try:
        settings = invocation().settings()
        names = chosen(settings, feeds)
        with session(settings, "check") as (connection, _):
            for name in names:
                found = _plan(connection, settings, name)
                if isinstance(found, FeedPlan):
                    warnings += _warnings(settings, found)
                else:
                    faults += found
    except ConfigurationError as error:
        faults += error.faults
    _show(names, faults, warnings, as_json=as_json)
    if faults:
        click.get_current_context().exit(ConfigurationError.exit_code)


def _plan(connection: Connection, settings: Settings, name: str) -> FeedPlan | list[Fault]:
    try:
        return plan_feed(connection, settings, name)
    except FeedError as error:
        return error.faults(name)
    except CdcError:
        raise
    except psycopg.Error as error:
        if connection.closed:
            raise
        return [(f"feed {name}", first_line(error), None)]


def _warnings(settings: Settings, plan: FeedPlan) -> list[Fault]:
    """What is accepted with a word: verdicts, and tables whose every change means every entity."""
    query = settings.feeds[plan.definition.name].query
    found: list[Fault] = []
    for verdict in plan.analysis.verdicts:
        place = f":{verdict.line}:{verdict.column}" if verdict.line else ""
        found.append((f"{query}{place}", verdict.what, verdict.hint))
    for occurrence in plan.analysis.occurrences:
        if occurrence.kind is RouteKind.ALL:
            what = f"any change of {occurrence.table} ({occurrence.alias}) recomputes every document"
            found.append((str(query), f"{what}: {occurrence.reason or 'no narrower route'}", None))
    return found


def _show(names: list[str], faults: list[Fault], warnings: list[Fault], *, as_json: bool) -> None:
    if as_json:
        told = {
            kind: [dict(zip(("where", "what", "hint"), fault, strict=True)) for fault in found]
            for kind, found in (("faults", faults), ("warnings", warnings))
        }
        echo_json({"feeds": names, **told})
        return
    for warning in warnings:
        click.echo(fault_line(*warning, label="Warning"), err=True)
    for fault in faults:
        click.echo(fault_line(*fault), err=True)
    if not faults:
        click.echo(
            f"All is well: {', '.join(names)}." if names else "All is well, but no feed is configured."
        )
