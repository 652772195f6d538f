"""`cdc-daemon audit`: shows the acts of persons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

import click
import orjson

from cdc_daemon.cli.deliveries import delivery_name, feed_option, sink_option
from cdc_daemon.cli.invocation import installed_session, invocation
from cdc_daemon.cli.options import echo_json, json_option, moment
from cdc_daemon.cli.terminal import echo
from cdc_daemon.insight.audit import RecordedAct, read_acts

ACTS = ("pause", "resume", "replay", "resync", "retry", "discard", "install", "uninstall", "verify", "test")


@click.command(short_help="Show who did what, and when.")
@click.option("--act", type=click.Choice(ACTS), help="Only this act.")
@feed_option
@sink_option
@click.option("--user", help="Only acts of this database role, or user of the system or of the dashboard.")
@click.option("--since", metavar="TIME", help="Only acts since then: 2026-11-24, 2026-11-24T10:00:00Z.")
@click.option("--limit", type=click.IntRange(min=1), default=100, help="Largest number of acts.")
@json_option
def audit(
    act: str | None,
    feed: str | None,
    sink: str | None,
    user: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show the acts of persons, the latest first: who, when, with which arguments, and the outcome.

    The acts are pause, resume, replay, resync, retry, discard, install and verify (with --repair), by a
    command or the dashboard; verify of one document and test (of a sink) by the dashboard alone. An act that
    failed is shown, too. An uninstall removes the record itself, so only one that failed is shown. The
    daemon removes acts that are older than `[history] audit_days`.

    \b
    Examples:
      cdc-daemon audit
      cdc-daemon audit --act pause --sink catalog --since 2026-11-24
    """
    settings = invocation().settings()
    after = moment(since, "--since") if since is not None else None
    with installed_session(settings, "audit") as (connection, _):
        found = read_acts(connection, act=act, feed=feed, sink=sink, user=user, since=after, limit=limit)
    if as_json:
        echo_json([asdict(each) for each in found])
        return
    for each in found:
        for line in _lines(each):
            echo(line)
    if not found:
        echo("No acts.")


def _lines(each: RecordedAct) -> Iterator[str]:
    users = [f"{each.web_user} (dashboard)"] if each.web_user else []
    users += [each.os_user] if each.os_user else []
    by = f"role {each.role}" + (f", user {', '.join(users)}" if users else "")
    about = delivery_name(each.sink, each.feed)
    yield f"{_moment(each.at)}  {each.act}{f'  {about}' if about else ''}  by {by}"
    arguments = {name: value for name, value in each.arguments.items() if value not in (None, False, {}, [])}
    told = f"{orjson.dumps(arguments).decode()}  " if arguments else ""
    yield f"  {told}{each.outcome}"


def _moment(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds")
