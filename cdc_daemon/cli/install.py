"""`cdc-daemon install`: triggers and tables, as the feeds want them."""

from __future__ import annotations

import sys

import click

from cdc_daemon.cli import plans
from cdc_daemon.cli.failures import fault_line
from cdc_daemon.cli.invocation import invocation, session
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import InstallError
from cdc_daemon.pg import ddl
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.visible import visible_lines
from cdc_daemon.workers import installation, retirement
from cdc_daemon.workers.surroundings import concerns


@click.command(short_help="Make triggers and tables as the feeds want them.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--script", is_flag=True, help="Only print the same as plain SQL, for a DBA to run with psql.")
@click.option("--drop-feeds", is_flag=True, help="Drop the feeds that the configuration names no more.")
@click.option("--keep-delivered", is_flag=True, help="Leave the documents of dropped feeds at their sinks.")
def install(dry_run: bool, script: bool, drop_feeds: bool, keep_delivered: bool) -> None:
    """Install what the feeds need in the database, and remove what none needs any more.

    That is the schema cdc and triggers on the tables that the feeds read. It may be called at any time:
    what stands as wanted is left alone. A feed that the configuration names no more is dropped, documents
    and all, only if you say so; before that its sinks are told to delete its documents (not by a script).
    Writers wait at most database.lock_timeout_seconds, a table at a time; an install that can't have a lock
    tries again and then names who holds it. A running daemon installs what a changed table needs by itself.

    It needs the rights of the tables' owner. If you don't have them, send the output of --script to somebody
    who does.

    \b
    Examples:
      cdc-daemon install --dry-run
      cdc-daemon install
      cdc-daemon install --script > cdc.sql; psql -X --file cdc.sql shop
    """
    if dry_run and script:
        raise click.UsageError("--dry-run and --script both only show: give one of them.")
    settings = invocation().settings()
    with session(settings, "install") as (connection, dsn):
        # One feed that can't be planned stops all: without its plan, what it needs would look superfluous.
        found = plans.plan_feeds(connection, settings, list(settings.feeds))
        if script:
            _confirm_drops(installation.dropped_feeds(connection, settings), agreed=drop_feeds)
            steps = installation.wanted_steps(connection, settings, found, for_script=True)
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
                _retire(connection, settings, feed)
            steps = installation.install(connection, dsn, settings, found)
    verb = "Would do" if dry_run else "Done"
    echo(f"{verb}:" if steps else "Nothing to do: all stands as wanted.")
    for line in plans.lines_of_steps(steps):
        echo(line)


def _retire(connection: Connection, settings: Settings, feed: str) -> None:
    for sink, deletes in retirement.retire(connection, settings, feed):
        told = (
            "keeps what it has: it is configured no more" if deletes is None else f"took {deletes:,} deletes"
        )
        echo(f"feed {feed}: sink {sink} {told}")


def _print_script(script: str) -> None:
    """Names stand in it as they are: a terminal would obey what they hold."""
    if sys.stdout.isatty() and visible_lines(script) != script:
        raise InstallError(
            "names of tables or columns hold control characters, which act on a terminal",
            where="install --script",
            hint="write it to a file: cdc-daemon install --script > cdc.sql",
        )
    # As bytes: from a text, click would take the escape sequences that stand in names.
    click.echo(script.encode(), nl=False)


def _confirm_drops(feeds: list[str], *, agreed: bool) -> None:
    """Have a person agree that these feeds are dropped; a script has to say so beforehand.

    Raises:
        InstallError: nobody did.
    """
    if not feeds or agreed:
        return
    named = ", ".join(feeds)
    if sys.stdin.isatty():
        click.confirm(
            f"Drop {named}, documents and all? The configuration has no such feed. Without --keep-delivered "
            "its sinks are told to delete the documents.",
            abort=True,
        )
        return
    raise InstallError(
        f"would drop {named}, which the configuration does not name",
        where="install",
        hint="give --drop-feeds if that is meant; if the feeds are another configuration's, give this one a "
        "[daemon] name of its own",
    )
