"""`cdc-daemon run`: the daemon."""

from __future__ import annotations

import click

from cdc_daemon.cli.invocation import invocation
from cdc_daemon.database import database
from cdc_daemon.service import Service


@click.command(short_help="The daemon.")
@click.option("--once", is_flag=True, help="Read what was committed so far, deliver it, and end.")
def run(once: bool) -> None:
    """Keep the documents up to date and deliver what changes, until stopped.

    SIGTERM and Ctrl-C finish the work at hand and stop within daemon.drain_seconds; a second one leaves at
    once. Nothing is lost either way, nor by kill -9. Any number of daemons may run on one database: they
    share the feeds.

    Run `cdc-daemon install` once before; what a changed table needs later is installed by itself. Logs go
    to standard output (to standard error if a sink writes to standard output), as JSON unless that is a
    terminal.

    \b
    Examples:
      cdc-daemon run
      cdc-daemon run --once
      cdc-daemon --log-level debug --log-format console run
    """
    settings = invocation().settings(for_daemon=True)
    with database(settings) as dsn:
        service = Service(settings, dsn)
        if once:
            service.run_once()
        else:
            service.run()
