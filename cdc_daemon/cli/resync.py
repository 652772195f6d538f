"""`cdc-daemon resync`: recomputes feeds without a change."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict

import click

from cdc_daemon.cli.completed_names import feed_names
from cdc_daemon.cli.deliveries import pairs
from cdc_daemon.cli.invocation import chosen, installed_session, invocation
from cdc_daemon.cli.options import echo_json, json_option
from cdc_daemon.cli.resync_text import interrupted_line, listed_lines, preview_lines
from cdc_daemon.cli.terminal import echo
from cdc_daemon.insight.resyncs import ResyncPreview, preview_resync, read_resyncs
from cdc_daemon.settings import Settings
from cdc_daemon.workers.planning import plan_feed
from cdc_daemon.workers.resync import Resync
from cdc_daemon.workers.resync_interruption import ResyncInterruption

ACTS = {
    "dry_run": "--dry-run",
    "listing": "--list",
    "pause": "--pause",
    "resume": "--resume",
    "cancel": "--cancel",
}


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
@click.option("--dry-run", is_flag=True, help="Tell how many documents would differ. Change nothing.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --dry-run, compare only N entities, chosen at random.",
)
@click.option("--list", "listing", is_flag=True, help="Show the resyncs of each FEED, and how far they are.")
@click.option("--pause", is_flag=True, help="Leave out the entities of requested resyncs until --resume.")
@click.option("--resume", is_flag=True, help="Go on with paused resyncs.")
@click.option("--cancel", is_flag=True, help="Leave out what is left of requested resyncs for good.")
@click.option(
    "--number",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Only the resync with this number (with --pause, --resume, --cancel).",
)
@json_option
def resync(
    feeds: tuple[str, ...],
    by_key: tuple[str, ...],
    force: bool,
    wait: bool,
    dry_run: bool,
    sample: int | None,
    listing: bool,
    pause: bool,
    resume: bool,
    cancel: bool,
    number: int | None,
    as_json: bool,
) -> None:
    """Recompute each FEED and deliver what differs.

    Use it if you don't trust the stored documents, or if a receiver lost some (--force). The daemon
    recomputes entities in chunks, and new changes go first. Without --wait the command leaves the work to
    the daemon. An interrupted resync continues by itself.

    A resync that a person requested can be paused, resumed and cancelled. Changes reach the documents as
    before. What is recomputed stays so.

    \b
    Examples:
      cdc-daemon resync products
      cdc-daemon resync products --by-key sku=A-1 --force --wait
      cdc-daemon resync products --dry-run --sample 1000
      cdc-daemon resync products --cancel
    """
    given = {"dry_run": dry_run, "listing": listing, "pause": pause, "resume": resume, "cancel": cancel}
    act = _one_act([name for name, is_given in given.items() if is_given])
    options = {"by_key": by_key, "force": force, "wait": wait, "sample": sample, "number": number}
    _require_fitting(act, {**options, "json": as_json})
    where = pairs(by_key, "--by-key")
    settings = invocation().settings()
    names = chosen(settings, feeds)
    if act == "dry_run":
        _preview(settings, names, where, force=force, sample=sample, as_json=as_json)
    elif act == "listing":
        _list(settings, names, as_json=as_json)
    else:
        for name in names:
            if act is None:
                _resync(settings, name, where, force=force, wait=wait)
            else:
                _interrupt(settings, name, act, number)


def _one_act(acts: list[str]) -> str | None:
    if len(acts) > 1:
        raise click.UsageError(f"{' and '.join(ACTS[act] for act in acts)} exclude each other.")
    return acts[0] if acts else None


def _require_fitting(act: str | None, options: Mapping[str, object]) -> None:
    fitting = {
        None: {"by_key", "force", "wait"},
        "dry_run": {"by_key", "force", "sample", "json"},
        "listing": {"json"},
    }.get(act, {"number"})
    for name, value in options.items():
        if value and name not in fitting:
            with_what = ACTS[act] if act else "a resync"
            raise click.UsageError(f"--{name.replace('_', '-')} does not go with {with_what}.")


def _resync(settings: Settings, name: str, where: dict[str, str], *, force: bool, wait: bool) -> None:
    stop = threading.Event()
    with installed_session(settings, f"resync {name}") as (connection, _):
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


def _preview(
    settings: Settings,
    names: list[str],
    where: dict[str, str],
    *,
    force: bool,
    sample: int | None,
    as_json: bool,
) -> None:
    found: dict[str, ResyncPreview] = {}
    for name in names:
        with installed_session(settings, f"resync {name}") as (connection, _):
            plan = plan_feed(connection, settings, name)
            found[name] = preview_resync(connection, settings, plan, where=where, force=force, sample=sample)
    if as_json:
        echo_json([{"feed": name, **asdict(preview)} for name, preview in found.items()])
        return
    for name, preview in found.items():
        for line in preview_lines(name, preview, force=force):
            echo(line)


def _list(settings: Settings, names: list[str], *, as_json: bool) -> None:
    with installed_session(settings, "resync") as (connection, _):
        found = {name: read_resyncs(connection, name) for name in names}
    if as_json:
        echo_json({name: [asdict(each) for each in resyncs] for name, resyncs in found.items()})
        return
    for name, resyncs in found.items():
        for line in listed_lines(name, resyncs):
            echo(line)


def _interrupt(settings: Settings, name: str, act: str, number: int | None) -> None:
    stop = threading.Event()
    with installed_session(settings, f"resync {name}") as (connection, _):
        interruption = ResyncInterruption(connection, name, number=number)
        acts = {"pause": interruption.pause, "resume": interruption.resume, "cancel": interruption.cancel}
        for each in acts[act](stop):
            echo(interrupted_line(name, act, each))
