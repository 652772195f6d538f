"""`cdc-daemon uninstall`: removes everything from the database."""

from __future__ import annotations

import sys

import click

from cdc_daemon.cli.invocation import invocation, session
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import InstallError
from cdc_daemon.workers import daemons, installation


@click.command(short_help="Remove everything from the database.")
@click.option("--yes", is_flag=True, help="Don't ask. (Without a terminal the command never asks.)")
@click.option("--drop-feeds", is_flag=True, help="Also drop feeds of other configurations.")
def uninstall(yes: bool, drop_feeds: bool) -> None:
    """Remove everything that cdc-daemon has in the database, and check that nothing is left.

    The command first drops the triggers, then the schema cdc with the stored documents and cursors. Your
    tables are then as they were. It never drops an object of yours: if one is in the schema or depends on
    it, the command names it and removes nothing. Delivered documents stay where they are.

    Stop the daemon first: the command refuses while a daemon works on the database, because the daemon would
    install everything again.

    \b
    Example:
      cdc-daemon uninstall
    """
    settings = invocation().settings()
    if not yes and sys.stdin.isatty():
        click.confirm(f"Remove all of cdc-daemon from {settings.database.shown}?", abort=True)
    with session(settings, "uninstall") as (connection, dsn):
        daemons.require_none(connection)
        left = installation.uninstall(connection, dsn, settings, drop_others=drop_feeds)
    if left:
        raise InstallError(
            f"left behind: {'; '.join(one.what for one in left)}. All else was removed",
            where="database",
            hint="; ".join(dict.fromkeys(one.remedy for one in left)),
        )
    echo("Removed. Looked again: nothing of cdc-daemon is left in the database.")
