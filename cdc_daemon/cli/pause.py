"""`cdc-daemon pause`: stops deliveries until `resume`."""

from __future__ import annotations

import click

from cdc_daemon.cli.deliveries import delivery_name, feed_option, require_known, sink_option
from cdc_daemon.cli.invocation import installed_session, invocation
from cdc_daemon.cli.terminal import echo
from cdc_daemon.workers import control


@click.command(short_help="Stop deliveries until `resume`.")
@sink_option
@feed_option
@click.option("--reason", help="The reason, which `status` shows.")
def pause(sink: str | None, feed: str | None, reason: str | None) -> None:
    """Stop delivering to a sink, or a feed to all sinks, or one feed to one sink, until `resume`.

    The daemon finishes the current batch and keeps the stored documents up to date. After `resume` the sink
    gets the latest state of each document that changed. The database stores the pause, so it holds for every
    daemon and survives restarts.

    \b
    Examples:
      cdc-daemon pause --sink catalog --reason "moves to another host"
      cdc-daemon pause --sink catalog --feed products
    """
    settings = invocation().settings()
    require_known(settings, sink=sink, feed=feed, one_of_them=True)
    with installed_session(settings, "pause") as (connection, _):
        control.pause(connection, sink, feed, reason=reason)
    echo(f"{delivery_name(sink, feed)}: paused.")
