"""`cdc-daemon retry`: tries failed entities and failed items again."""

from __future__ import annotations

import click

from cdc_daemon.cli.completed_names import feed_names
from cdc_daemon.cli.deliveries import pairs, require_key_columns, require_known, sink_option
from cdc_daemon.cli.invocation import installed_session, invocation
from cdc_daemon.cli.item_options import parked_option, status_option, words_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import CdcError
from cdc_daemon.workers import control
from cdc_daemon.workers.chosen_items import ItemChoice, retry_chosen


@click.command(short_help="Try failed entities and items now.")
@click.argument("feed", required=False, metavar="[FEED]", shell_complete=feed_names)
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only those with this value in a key or entity column. Several are combined by AND.",
)
@sink_option
@status_option
@words_option
@parked_option
@click.option("--all", "every", is_flag=True, help="Failed entities and items of every feed.")
def retry(
    feed: str | None,
    key: tuple[str, ...],
    sink: str | None,
    status: str | None,
    words: str | None,
    parked: bool,
    every: bool,
) -> None:
    """Try the failed entities and failed items of FEED now.

    Failed entities are those that the query could not compute; failed items are documents that a sink
    refused. Use the command after you have removed the cause. Failed items, also parked ones, get all their
    attempts again. The running daemon does the work. With --sink, --status, --words or --parked only such
    items are tried.

    \b
    Examples:
      cdc-daemon retry products
      cdc-daemon retry products --key sku=A-1
      cdc-daemon retry products --sink catalog --status 422
      cdc-daemon retry --all
    """
    if (feed is None) != every:
        raise click.UsageError("Name a feed, or give --all.")
    where = pairs(key, "--key")
    if where and feed is None:
        raise click.UsageError("--key needs a feed.")
    settings = invocation().settings()
    require_known(settings, sink=sink, feed=feed)
    if feed is not None:
        require_key_columns(settings, feed, where, or_entity=True)
    feeds = [feed] if feed else list(settings.feeds)
    with installed_session(settings, "retry") as (connection, _):
        columns = {name: settings.feeds[name].entity for name in feeds}
        if status is None and words is None and not parked:
            count, entities = control.retry_failed(connection, columns, where, sink=sink)
        else:
            choice = ItemChoice(feeds, sink, where, status, words, True if parked else None)
            count, entities = retry_chosen(connection, choice), 0
    if where and not count and not entities:
        raise CdcError("nothing failed with this key", where=f"feed {feed}", hint="see `cdc-daemon failed`")
    if entities:
        echo(f"{entities:,} failed {'entity is' if entities == 1 else 'entities are'} due now.")
    if count or not entities:
        echo(f"{count:,} failed {'item is' if count == 1 else 'items are'} due now.")
