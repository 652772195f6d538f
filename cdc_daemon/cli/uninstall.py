"""`cdc-daemon uninstall`: every trace out of the database."""

from __future__ import annotations

import sys

import click

from cdc_daemon.cli.invocation import invocation, session
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import InstallError
from cdc_daemon.workers import daemons, installation


@click.command(short_help="Remove every trace from the database.")
@click.option("--yes", is_flag=True, help="Don't ask. (A script, which has no terminal, is never asked.)")
@click.option("--drop-feeds", is_flag=True, help="Also feeds of other configurations.")
def uninstall(yes: bool, drop_feeds: bool) -> None:
    """Remove everything that cdc-daemon has in the database, then look whether anything is left.

    Triggers go first, so your tables are as they were before; the stored documents and cursors go with the
    schema cdc. What is not ours is never dropped: if something of yours stands in the schema or is built upon
    it, the command names it and removes nothing. What was delivered stays where it is. Stop the daemon first:
    the command refuses while one works on the database, as it would install everything anew.

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
