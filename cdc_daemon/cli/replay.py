"""`cdc-daemon replay`: delivers stored documents again."""

from __future__ import annotations

from datetime import datetime

import click

from cdc_daemon.cli.completed_names import sink_names
from cdc_daemon.cli.deliveries import feed_option, feeds_of, pairs, require_key_columns, require_known
from cdc_daemon.cli.invocation import installed_session, invocation
from cdc_daemon.cli.options import moment
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.workers import control
from cdc_daemon.workers.planning import plan_feed


@click.command(short_help="Deliver stored documents again.")
@click.argument("sink", metavar="SINK", shell_complete=sink_names)
@feed_option
@click.option(
    "--since", metavar="TIME", help="Documents that were stored since then: 2026-11-24, 2026-11-24T10:00:00Z."
)
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Documents with this value in a key column (with --feed). Several are combined by AND.",
)
@click.option("--all", "every", is_flag=True, help="All documents, as a full snapshot.")
def replay(sink: str, feed: str | None, since: str | None, key: tuple[str, ...], every: bool) -> None:
    """Deliver documents to SINK again, as they are stored now, without recomputing them.

    Use it if a receiver lost documents or was restored to an earlier state. Records keep their revisions, so
    a receiver that compares revisions takes from --since and --key only the documents that it lacks. With
    --all each record has the number of a snapshot, and the receiver takes it in any case. A full snapshot
    includes deletes, so that a receiver can drop documents that are not in it. Changes are delivered
    meanwhile as usual. The running daemon does the work.

    \b
    Examples:
      cdc-daemon replay catalog --all
      cdc-daemon replay catalog --feed products --since 2026-11-24T10:00:00Z
      cdc-daemon replay catalog --feed products --key sku=A-1
    """
    if (since is not None) + bool(key) + every != 1:
        raise click.UsageError("Give one of --all, --since and --key.")
    where = pairs(key, "--key")
    if where and feed is None:
        raise click.UsageError("--key needs --feed.")
    after = moment(since, "--since") if since is not None else None
    settings = invocation().settings()
    require_known(settings, sink=sink, feed=feed)
    if feed is not None:
        require_key_columns(settings, feed, where)
    with installed_session(settings, "replay") as (connection, _):
        for name in feeds_of(settings, sink, feed):
            echo(f"sink {sink}, feed {name}: {_replay(connection, settings, sink, name, where, after)}")


def _replay(
    connection: Connection,
    settings: Settings,
    sink: str,
    feed: str,
    where: dict[str, str],
    after: datetime | None,
) -> str:
    if not where and after is None:
        control.replay_all(connection, sink, feed)
        return "everything is delivered again"
    changes = Changes(plan_feed(connection, settings, feed).definition)
    if after is not None:
        control.replay_since(connection, sink, changes, after)
        return "documents that were stored since then are delivered again"
    count = control.replay_some(connection, sink, changes, where)
    if not count:
        raise CdcError(
            f"no document has {' and '.join(f'{name}={value}' for name, value in where.items())}",
            where=f"feed {feed}",
            hint="spell the value as in the document",
        )
    return f"{count:,} {'document is' if count == 1 else 'documents are'} delivered again"
