"""`cdc-daemon status`: shows the state of every feed and sink."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

import click

from cdc_daemon.cli.invocation import invocation, session
from cdc_daemon.cli.options import echo_json, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.insight.status import FeedStatus, SinkStatus, Status, read_status


@click.command(short_help="Show the state of every feed and sink.")
@json_option
def status(as_json: bool) -> None:
    """Show the state of every feed and every sink. The daemon need not run.

    \b
    Of a feed:
      rows, tombstones   documents that exist, and documents that no longer exist
      backlog            entities that wait for recomputation
      lag                age of the oldest unread change
      drift              objects that differ from those that `install` would create
      failed entities    entities with outdated documents, because the query fails for their rows
    Of a sink: documents that it lacks (undelivered), failed items, and the reason if it takes nothing.

    \b
    Examples:
      cdc-daemon status
      cdc-daemon status --json
    """
    settings = invocation().settings()
    with session(settings, "status") as (connection, _):
        found = read_status(connection, settings)
    if as_json:
        echo_json(_as_json(found))
        return
    for feed in found.feeds:
        for line in _lines_of_feed(feed):
            echo(line)
    echo("drift: none" if not found.drift else "drift (`cdc-daemon install` mends it):")
    for difference in found.drift:
        echo(f"  {difference}")
    for reason in found.uncaptured:
        echo(f"not captured: {reason}")


def _as_json(found: Status) -> dict[str, object]:
    feeds: dict[str, object] = {}
    for feed in found.feeds:
        fields = asdict(feed)
        name = fields.pop("feed")
        fields["sinks"] = {sink.pop("sink"): sink for sink in fields["sinks"]}
        feeds[name] = fields
    return {"feeds": feeds, "drift": list(found.drift), "uncaptured": list(found.uncaptured)}


def _lines_of_feed(feed: FeedStatus) -> Iterator[str]:
    since = f"; since {_moment(feed.since)}" if feed.since else ""
    yield f"feed {feed.feed}: {feed.state}" + (f" ({feed.reason}{since})" if feed.reason else "")
    if feed.state == "missing":
        return
    yield f"  rows {feed.rows:,}   tombstones {feed.tombstones:,}   backlog {feed.backlog:,}"
    last_pass = _moment(feed.last_pass_at)
    due = f"   due {feed.due:,}" if feed.due else ""
    lag = "unknown" if feed.lag_seconds is None else f"{feed.lag_seconds:.3f} s"
    if feed.lag_unknown:
        lag += f" ({feed.lag_unknown})"
    yield f"  lag {lag}   unread entries {feed.unread:,}{due}   last pass {last_pass}"
    if feed.failed_entities:
        yield (
            f"  failed entities {feed.failed_entities:,}: their documents stay as they were "
            f"(`cdc-daemon failed {feed.feed}`)"
        )
    for sink in feed.sinks:
        yield from _lines_of_sink(sink)


def _lines_of_sink(sink: SinkStatus) -> Iterator[str]:
    yield (
        f"  sink {sink.sink}: undelivered {sink.undelivered:,}   delivered {sink.delivered:,}   "
        f"last {_moment(sink.delivered_at)}   failed items {sink.failed_items:,}"
        + (f" ({sink.parked:,} parked)" if sink.parked else "")
    )
    if sink.paused:
        yield "    paused: `cdc-daemon resume` lets it go on"
    if sink.snapshot:
        yield "    a full snapshot is being delivered"
    if sink.failure:
        yield f"    takes nothing after {sink.attempts} tries: {sink.failure}"


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(sep=" ", timespec="seconds") if moment else "never"
