"""`cdc-daemon install`: installs the triggers and tables that the feeds need."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import psycopg

from cdc_daemon.capture.catalogue import schema_exists
from cdc_daemon.cli import plans
from cdc_daemon.cli.failures import fault_line
from cdc_daemon.cli.invocation import invocation, session
from cdc_daemon.cli.options import echo_json, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import InstallError
from cdc_daemon.pg import ddl
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.settings import Settings
from cdc_daemon.visible import visible_lines
from cdc_daemon.workers import installation, retirement
from cdc_daemon.workers.coexistence import concerns
from cdc_daemon.workers.planning import FeedPlan
from cdc_daemon.workers.reader_role import reader_grants


@click.command(short_help="Install the triggers and tables that the feeds need.")
@click.option("--dry-run", is_flag=True, help="Only show the steps.")
@click.option("--script", is_flag=True, help="Only print the steps as plain SQL, for a DBA to run with psql.")
@click.option(
    "--grants", metavar="ROLE", help="Only print the grants for a role that may look, and change nothing."
)
@json_option
@click.option("--drop-feeds", is_flag=True, help="Drop the feeds that the configuration no longer has.")
@click.option("--keep-delivered", is_flag=True, help="Leave the documents of dropped feeds at their sinks.")
def install(
    dry_run: bool, script: bool, grants: str | None, as_json: bool, drop_feeds: bool, keep_delivered: bool
) -> None:
    """Install the objects that the feeds need in the database, and remove objects that no feed needs.

    These are the schema cdc and triggers on the tables that the feeds read. You may run the command at any
    time; it leaves objects that are right alone. It drops a feed that the configuration no longer has, with
    its documents, only if you agree. Before that, it has the feed's sinks delete the documents (a script
    does not). Writers wait at most database.lock_timeout_seconds, for one table at a time. If the command
    can't get a lock, it tries again, and finally names the session that holds it. A running daemon installs
    by itself what a changed table needs.

    The command needs the rights of the tables' owner. If you don't have them, send the output of --script to
    a person who has.

    \b
    Examples:
      cdc-daemon install --dry-run
      cdc-daemon install
      cdc-daemon install --script > cdc.sql; psql -X --file cdc.sql shop
      cdc-daemon install --grants reader | psql -X shop
    """
    if grants is not None and (dry_run or script or as_json or drop_feeds or keep_delivered):
        raise click.UsageError("--grants only prints SQL: give no other option with it.")
    if dry_run and script:
        raise click.UsageError("--dry-run and --script both only show: give one of them.")
    if script and as_json:
        raise click.UsageError("--script prints SQL and --json prints JSON: give one of them.")
    settings = invocation().settings()
    with session(settings, "install") as (connection, dsn):
        # One feed that can't be planned stops the command: without its plan, its objects would look unneeded.
        found = plans.plan_feeds(connection, settings, list(settings.feeds))
        if grants is not None:
            _print_script(reader_grants(connection, grants, found))
            return
        if script:
            _confirm_drops(installation.dropped_feeds(connection, settings), agreed=drop_feeds)
            steps = _script_steps(connection, settings, found)
            timeout = settings.database.lock_timeout_seconds
            _print_script(ddl.script(steps, connection, lock_timeout_seconds=timeout))
            return
        for concern in concerns(connection, settings):
            echo(fault_line(*concern, label="Warning"), err=True)
        if dry_run:
            steps = installation.wanted_steps(connection, settings, found)
        else:
            dropped = installation.dropped_feeds(connection, settings)
            _confirm_drops(dropped, agreed=drop_feeds)
            for feed in () if keep_delivered else dropped:
                _retire(connection, settings, feed, to_stderr=as_json)
            steps = installation.install(connection, dsn, settings, found)
            if len(found) < len(settings.feeds):  # the canary: its table is there now
                found = plans.plan_feeds(connection, settings, list(settings.feeds))
                steps = [*steps, *installation.install(connection, dsn, settings, found)]
    if as_json:
        echo_json(
            {"done": not dry_run, "steps": [{"action": each.action, "what": each.what} for each in steps]}
        )
        return
    verb = "Would do" if dry_run else "Done"
    echo(f"{verb}:" if steps else "Nothing to do: all stands as wanted.")
    for line in plans.lines_of_steps(steps):
        echo(line)


def _script_steps(connection: Connection, settings: Settings, found: Sequence[FeedPlan]) -> list[Step]:
    # The table of the canary is missing.
    if len(found) < len(settings.feeds) and not schema_exists(connection):
        try:
            return installation.first_script(
                connection,
                settings,
                lambda: plans.plan_feeds(connection, settings, list(settings.feeds)),
            )
        except psycopg.errors.InsufficientPrivilege as error:
            what = f"the script leaves the canary out, which this role can't plan: {first_line(error)}"
            hint = "print it as a role that may create schemas, or print and run another one after this one"
            echo(fault_line("install --script", what, hint, label="Warning"), err=True)
    return installation.wanted_steps(connection, settings, found, for_script=True)


def _retire(connection: Connection, settings: Settings, feed: str, *, to_stderr: bool) -> None:
    for sink, deletes in retirement.retire(connection, settings, feed):
        told = (
            "keeps its documents: it is no longer configured"
            if deletes is None
            else f"took {deletes:,} deletes"
        )
        echo(f"feed {feed}: sink {sink} {told}", err=to_stderr)


def _print_script(script: str) -> None:
    """Print the script. It has names as they are, and a terminal would obey control characters in them."""
    if sys.stdout.isatty() and visible_lines(script) != script:
        raise InstallError(
            "names of tables or columns hold control characters, which act on a terminal",
            where="install --script",
            hint="write it to a file: cdc-daemon install --script > cdc.sql",
        )
    # As bytes: click would remove escape sequences from a text, and so from names.
    click.echo(script.encode(), nl=False)


def _confirm_drops(feeds: list[str], *, agreed: bool) -> None:
    """Ask whether to drop these feeds, unless an option agreed already.

    Raises:
        click.Abort: the person says no.
        InstallError: there is no terminal to ask at.
    """
    if not feeds or agreed:
        return
    named = ", ".join(feeds)
    if sys.stdin.isatty():
        click.confirm(
            f"Drop {named} and its documents? The configuration has no such feed. Without --keep-delivered "
            "its sinks delete the documents.",
            abort=True,
        )
        return
    raise InstallError(
        f"would drop {named}, which the configuration does not name",
        where="install",
        hint="give --drop-feeds to drop them; if they belong to another configuration, give this one its own "
        "[daemon] name",
    )
