"""`cdc-daemon resume`: continues paused deliveries."""

from __future__ import annotations

import click

from cdc_daemon.cli.deliveries import delivery_name, feed_option, require_known, sink_option
from cdc_daemon.cli.invocation import installed_session, invocation
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import CdcError
from cdc_daemon.workers import control


@click.command(short_help="Continue paused deliveries.")
@sink_option
@feed_option
def resume(sink: str | None, feed: str | None) -> None:
    """End a pause that was made with the same options.

    \b
    Example:
      cdc-daemon resume --sink catalog
    """
    settings = invocation().settings()
    require_known(settings, sink=sink, feed=feed, one_of_them=True)
    with installed_session(settings, "resume") as (connection, _):
        if not control.resume(connection, sink, feed):
            there = [delivery_name(each.sink, each.feed) for each in control.pauses(connection)]
            raise CdcError(
                "is not paused",
                where=delivery_name(sink, feed),
                hint=f"paused are: {'; '.join(there)}" if there else "nothing is paused",
            )
    echo(f"{delivery_name(sink, feed)}: resumed.")
