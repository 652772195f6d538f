"""`cdc-daemon resync`: recomputes feeds without a change."""

from __future__ import annotations

import threading

import click

from cdc_daemon.cli.completed_names import feed_names
from cdc_daemon.cli.deliveries import pairs
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.terminal import echo
from cdc_daemon.settings import Settings
from cdc_daemon.workers.resync import Resync


@click.command(short_help="Recompute feeds without a change.")
@click.argument("feeds", nargs=-1, required=True, metavar="FEED...", shell_complete=feed_names)
@click.option(
    "--by-key",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only entities whose documents have this value. Several are combined by AND.",
)
@click.option("--force", is_flag=True, help="Deliver every document again, also if it did not change.")
@click.option("--wait", is_flag=True, help="Wait for the end, show the progress, and help with the work.")
def resync(feeds: tuple[str, ...], by_key: tuple[str, ...], force: bool, wait: bool) -> None:
    """Recompute each FEED and deliver what differs.

    Use it if you don't trust the stored documents, or if a receiver lost some (--force). The daemon
    recomputes entities in chunks, and new changes go first. Without --wait the command leaves the work to
    the daemon. An interrupted resync continues by itself.

    \b
    Examples:
      cdc-daemon resync products
      cdc-daemon resync products --by-key sku=A-1 --force --wait
    """
    where = pairs(by_key, "--by-key")
    settings = invocation().settings()
    for name in chosen(settings, feeds):
        _resync(settings, name, where, force=force, wait=wait)


def _resync(settings: Settings, name: str, where: dict[str, str], *, force: bool, wait: bool) -> None:
    stop = threading.Event()
    with session(settings, f"resync {name}") as (connection, _):
        request = Resync(connection, settings, name, where=where, force=force)
        entities = request.request(stop)
        count = f"{entities:,} {'entity' if entities == 1 else 'entities'}"
        if not wait:
            echo(f"{name}: {count} queued; `cdc-daemon status` shows how many are left.")
            return
        with click.progressbar(length=entities, label=name, show_pos=True) as bar:
            done = 0
            for progress in request.follow(stop):
                bar.update(progress.done - done)
                done = progress.done
    echo(f"{name}: {count} recomputed.")
