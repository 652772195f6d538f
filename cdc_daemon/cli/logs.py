"""`cdc-daemon logs`: shows the daemon's log for people, and explains its events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import click
import orjson

from cdc_daemon import log
from cdc_daemon.cli.completed_names import feed_names
from cdc_daemon.cli.deliveries import feed_option, pairs, require_key_columns, require_known, sink_option
from cdc_daemon.cli.invocation import installed_session, invocation
from cdc_daemon.cli.suggesting import SuggestingGroup
from cdc_daemon.cli.terminal import echo
from cdc_daemon.events import EVENTS
from cdc_daemon.insight import log_search
from cdc_daemon.insight.log_search import Event, Search
from cdc_daemon.nearest import nearest
from cdc_daemon.redaction import hide, hide_within
from cdc_daemon.visible import visible_json
from cdc_daemon.workers import control


@click.group(
    cls=SuggestingGroup, invoke_without_command=True, short_help="Show the log, and explain its events."
)
@click.option(
    "--file", "path", metavar="PATH", help="Read this file, or standard input (-). Default: the journal."
)
@click.option("--unit", metavar="UNIT", help="Only this unit of systemd. Default: every cdc-daemon.")
@click.option(
    "--namespace", metavar="NAME", help="Namespace of the journal, if the unit has one (LogNamespace=)."
)
@feed_option
@sink_option
@click.option("--event", "events", multiple=True, metavar="EVENT", help="Only this event. May be repeated.")
@click.option("--level", type=click.Choice(log_search.LEVELS), help="Only events of this severity or above.")
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only events about a document or entity with this value. Several are combined by AND.",
)
@click.option(
    "--pass", "pass_number", type=int, metavar="NUMBER", help="Only this pass of a feed (with --feed)."
)
@click.option("--batch", metavar="ID", help="Only this batch of a delivery: the Idempotency-Key of HTTP.")
@click.option("--since", metavar="TIME", help="Only events since then: 10m, 2h, 3d, 2026-11-24T10:00:00Z.")
@click.option("--follow", "-f", is_flag=True, help="Go on with new events until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON, for programs.")
@click.pass_context
def logs(
    context: click.Context,
    path: str | None,
    unit: str | None,
    namespace: str | None,
    feed: str | None,
    sink: str | None,
    events: tuple[str, ...],
    level: str | None,
    key: tuple[str, ...],
    pass_number: int | None,
    batch: str | None,
    since: str | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Show the events of the log that have all that is asked for, the oldest first.

    The command reads systemd's journal, or a file with --file. It needs neither the configuration nor the
    database. Lines of the log that are no events, such as a traceback of Python, count as severe.

    \b
    Examples:
      cdc-daemon logs --since 1h --level warning
      cdc-daemon logs --feed products --key sku=A-1 --follow
      cdc-daemon logs --file /var/log/cdc-daemon.log --event sink_failed
      cdc-daemon logs explain sink_failed
    """
    if context.invoked_subcommand is not None:
        return
    for event in events:
        _require_known(event)
    if pass_number is not None and feed is None:
        raise click.UsageError("--pass needs --feed: each feed counts its own passes.")
    search = Search(
        feed=feed,
        sink=sink,
        events=events,
        level=level,
        key=pairs(key, "--key"),
        pass_number=pass_number,
        batch=batch,
        since=None if since is None else _moment(since),
    )
    write = _json_line if as_json else log.for_people(colors=log.has_colors(sys.stdout))
    with suppress(KeyboardInterrupt, BrokenPipeError):
        for each in _read(search, path, unit, namespace, follow=follow):
            if search.finds(each):
                click.echo(write(hide_within(each)))


@logs.command(short_help="Explain an event of the log.")
@click.argument("event", metavar="EVENT")
def explain(event: str) -> None:
    """Explain what EVENT means, what its fields are, and what to do.

    \b
    Example:
      cdc-daemon logs explain sink_failed
    """
    _require_known(event)
    known = EVENTS[event]
    echo(event)
    echo()
    echo(known.meaning)
    echo()
    echo(known.advice)
    if known.fields:
        echo()
        echo(f"Fields: {', '.join(known.fields)}")


@logs.command(short_help="Log the delivered documents of a feed for a while.")
@click.argument("feed", metavar="FEED", shell_complete=feed_names)
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only documents with this value in a key column. Several are combined by AND.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, 24 * 60, min_open=True),
    default=10.0,
    show_default=True,
    help="How long, at most a day.",
)
@click.option("--off", is_flag=True, help="End it for this feed at once.")
def documents(feed: str, key: tuple[str, ...], minutes: float, off: bool) -> None:
    """Have every daemon log the documents of FEED when it delivers them, as `document_delivered`.

    Documents may be personal data: `[log] mask` names fields whose values the log hides. The log begins with
    the next batch and ends by itself.

    \b
    Examples:
      cdc-daemon logs documents products --key sku=A-1 --minutes 30
      cdc-daemon logs documents products --off
    """
    if off and key:
        raise click.UsageError("--off ends all of a feed: leave --key out.")
    settings = invocation().settings()
    where = pairs(key, "--key")
    require_known(settings, sink=None, feed=feed)
    require_key_columns(settings, feed, where)
    with installed_session(settings, "logs") as (connection, _):
        if off:
            control.end_payload_log(connection, feed)
            echo(f"feed {feed}: its documents are no longer logged.")
            return
        until = control.log_payloads(connection, feed, where, seconds=minutes * 60)
    echo(f"feed {feed}: delivered documents are logged until {until.isoformat(sep=' ', timespec='seconds')}.")


def _read(
    search: Search, path: str | None, unit: str | None, namespace: str | None, *, follow: bool
) -> Iterator[Event]:
    if path is None:
        yield from log_search.in_journal(search, unit=unit, namespace=namespace, follow=follow)
    elif path == "-":
        yield from log_search.events_of(sys.stdin.buffer)
    else:
        yield from log_search.in_file(Path(path), follow=follow)


def _json_line(event: Event) -> str:
    return visible_json(hide(orjson.dumps(event).decode()))


def _require_known(event: str) -> None:
    if event not in EVENTS:
        near = nearest(event, EVENTS)
        raise click.UsageError(f"There is no event {event!r}." + (f" Did you mean {near!r}?" if near else ""))


def _moment(text: str) -> datetime:
    try:
        return log_search.moment(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither like 10m, 2h, 3d nor a time by ISO 8601", param_hint="--since"
        ) from None
