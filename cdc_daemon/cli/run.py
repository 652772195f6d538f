"""`cdc-daemon run`: runs the daemon."""

from __future__ import annotations

import click

from cdc_daemon.cli.invocation import invocation
from cdc_daemon.database import database
from cdc_daemon.service import Service


@click.command(short_help="Run the daemon.")
@click.option(
    "--once", is_flag=True, help="Read the changes that are committed by now, deliver them, and end."
)
def run(once: bool) -> None:
    """Keep the documents up to date and deliver changed documents, until stopped.

    After SIGTERM or Ctrl-C the daemon finishes its current work and stops within daemon.drain_seconds. After
    a second signal it stops at once. Nothing is lost either way, nor by kill -9. Any number of daemons may
    run on one database; they share the feeds.

    After SIGHUP (`systemctl reload cdc-daemon`) the daemon reads its configuration again. Feeds and sinks
    that changed start anew, and the others notice nothing. After a fault it goes on with the former one.

    Run `cdc-daemon install` once before. Later the daemon installs by itself what a changed table needs. It
    logs to standard output (to standard error if a sink writes to standard output), as JSON unless that is
    a terminal.

    \b
    Examples:
      cdc-daemon run
      cdc-daemon run --once
      cdc-daemon --log-level debug --log-format console run
    """
    command = invocation()
    settings = command.settings(for_daemon=True)
    with database(settings) as dsn:
        service = Service(settings, dsn, read=command.reread, start_log=command.start_log)
        if once:
            service.run_once()
        else:
            service.run()
