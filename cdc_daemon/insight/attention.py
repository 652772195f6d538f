"""What needs attention, the worst first, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cdc_daemon.insight.blocking import Blocker
from cdc_daemon.insight.coverage import Coverage
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.sinks import SinkStatus
from cdc_daemon.insight.status import Status

MOST_LAG_SECONDS = 60.0
"""A feed with a larger lag is degraded."""

Grade = Literal["down", "degraded", "note"]


@dataclass(frozen=True)
class Finding:
    """Something that needs attention.

    Attributes:
        grade: `down` if a feed is not followed by a daemon, stopped or missing; `degraded` if something is
            late, refused, paused or differs from what is installed; `note` if it is no matter of health.
        what: a sentence.
        remedy: what to do.
        feed, sink: what it is about, or None.
        failed: whether failed items or entities are the trouble, which a page lists.
    """

    grade: Grade
    what: str
    remedy: str
    feed: str | None = None
    sink: str | None = None
    failed: bool = False


def attention(found: Status) -> list[Finding]:
    """Return what needs attention in a status."""
    down = [finding for feed in found.feeds for finding in _down(feed, found)]
    return [*down, *_degraded(found), *_notes(found)]


def _down(feed: FeedStatus, found: Status) -> Iterator[Finding]:
    name = feed.feed
    if feed.state == "missing":
        yield Finding("down", f"feed {name} is not installed", "run `cdc-daemon install`", name)
    elif not found.daemons.follow(name):
        remedy = "start a daemon with this feed in its configuration: `cdc-daemon run`"
        yield Finding("down", f"feed {name} is followed by no daemon", remedy, name)
    elif feed.state == "stopped":
        remedy = "change what the reason names; the daemon tries again by itself"
        yield Finding("down", f"feed {name} is stopped: {feed.reason}", remedy, name)


def _degraded(found: Status) -> Iterator[Finding]:
    for daemon in found.daemons.alive:
        if daemon.state == "silent":
            yield Finding("degraded", f"daemon pid {daemon.pid} is silent", "its process hangs: restart it")
    for feed in found.feeds:
        yield from _degraded_feed(feed)
    if found.drift:
        yield Finding(
            "degraded",
            "installed objects differ from those that `install` would create",
            "look at `cdc-daemon install --dry-run`, then run `cdc-daemon install`",
        )
    for reason in found.uncaptured:
        remedy = "run the daemon at the publisher, or resync the feed after each change that it brings"
        yield Finding("degraded", f"not captured: {reason}", remedy)


def _degraded_feed(feed: FeedStatus) -> Iterator[Finding]:
    name = feed.feed

    def finding(what: str, remedy: str, *, failed: bool = False) -> Finding:
        return Finding("degraded", what, remedy, name, failed=failed)

    if feed.state == "partial":
        remedy = "end the transaction that holds the table, if it stays; the daemon goes on by itself"
        yield finding(f"feed {name} is partial", remedy)
    elif feed.state == "new":
        yield finding(f"feed {name} is new", "wait for the first sync; a long transaction may hold it up")
    elif feed.lag_seconds is None and feed.state != "missing":
        remedy = feed.lag_unknown or "wait for the next pass"
        yield finding(f"feed {name}: the lag is unknown", remedy)
    if (feed.lag_seconds or 0.0) > MOST_LAG_SECONDS:
        remedy = "look at what waits and at the time of a pass"
        yield finding(f"feed {name}: the lag is {feed.lag_seconds:.0f} s", remedy)
    if feed.failed_entities:
        entities = "entity" if feed.failed_entities == 1 else "entities"
        yield finding(
            f"feed {name}: {feed.failed_entities:,} {entities} failed",
            f"`cdc-daemon failed {name}` shows PostgreSQL's messages; correct the rows or the query",
            failed=True,
        )
    for sink in feed.sinks:
        yield from _degraded_delivery(feed, sink)


def _degraded_delivery(feed: FeedStatus, sink: SinkStatus) -> Iterator[Finding]:
    where = f"sink {sink.sink}, feed {feed.feed}"

    def finding(what: str, remedy: str, *, failed: bool = False) -> Finding:
        return Finding("degraded", f"{where}: {what}", remedy, feed.feed, sink.sink, failed)

    if sink.failure:
        yield finding("takes nothing", f"{sink.failure}. The daemon tries again by itself")
    if sink.paused:
        yield finding("paused", "resume it when the reason is gone")
    if sink.failed_items:
        remedy = "look at what the sink says of each; then retry or discard them"
        items = "failed item" if sink.failed_items == 1 else "failed items"
        yield finding(f"{sink.failed_items:,} {items}", remedy, failed=True)


def _notes(found: Status) -> Iterator[Finding]:
    for blocker in found.blockers:
        yield Finding("note", f"{_named(blocker)}: {'; '.join(blocker.blocks)}", _end_of(blocker))
    for each in found.coverage:
        yield from _verified(each)


def _named(blocker: Blocker) -> str:
    if blocker.slot is not None:
        return f"replication slot {blocker.slot} is {blocker.state}"
    named = f"prepared transaction {blocker.gid}" if blocker.gid else f"transaction of pid {blocker.pid}"
    return f"{named} (role {blocker.role}) is open" if blocker.role else f"{named} is open"


def _end_of(blocker: Blocker) -> str:
    if blocker.slot is not None:
        return f"let its consumer go on, or drop it: SELECT pg_drop_replication_slot('{blocker.slot}')"
    if blocker.gid:
        return f"if it stays, end it: ROLLBACK PREPARED '{blocker.gid}'"
    return f"if it stays, end it: SELECT pg_terminate_backend({blocker.pid})"


def _verified(each: Coverage) -> Iterator[Finding]:
    where = f"documents of {each.feed}" + (f" in the receiver of {each.sink}" if each.sink else "")
    if each.failure:
        yield Finding(
            "note",
            f"{where} can't be verified: {each.failure}",
            "the daemon tries again",
            each.feed,
            each.sink,
        )
    differ = each.differences + (each.last_differences or 0)
    if differ:
        command = f"cdc-daemon verify {each.feed}" + (f" --sink {each.sink}" if each.sink else "")
        yield Finding("note", f"{where}: {differ:,} differ", f"`{command}` shows them", each.feed, each.sink)


def sentences(findings: Sequence[Finding], grade: Grade) -> list[str]:
    """Return the sentences of one grade."""
    return [each.what for each in findings if each.grade == grade]
