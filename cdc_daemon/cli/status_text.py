"""The text of `cdc-daemon status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import cast

from cdc_daemon.insight.blocking import Blocker
from cdc_daemon.insight.coverage import Coverage
from cdc_daemon.insight.daemons import Daemon, Daemons
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.sinks import SinkStatus
from cdc_daemon.insight.status import Status
from cdc_daemon.pg import own_schema
from cdc_daemon.workers.control import Pause
from cdc_daemon.workers.migrations import Migration

LARGEST = 3
"""Number of tables whose size is shown; `--json` has all."""


def lines(found: Status) -> Iterator[str]:
    """Yield the lines of a status."""
    yield from _lines_of_daemons(found.daemons)
    for feed in found.feeds:
        yield from _lines_of_feed(feed)
    for blocker in found.blockers:
        yield from _lines_of_blocker(blocker)
    yield from _lines_of_costs(found)
    for coverage in found.coverage:
        yield _line_of_coverage(coverage)
    if found.schema:
        yield _line_of_schema(found.schema)
    yield "drift: none" if not found.drift else "drift (`cdc-daemon install` mends it):"
    for difference in found.drift:
        yield f"  {difference}"
    for reason in found.uncaptured:
        yield f"not captured: {reason}"


def _lines_of_daemons(found: Daemons) -> Iterator[str]:
    if not found.running:
        yield "no daemon runs" + (f": the last one was {_named(found.last)}" if found.last else "")
    for other in found.others:
        yield f"  `run --once`, a command, or a daemon of an earlier version is at work: {other}"
    for daemon in found.alive:
        silent = f" is silent for {daemon.silent_seconds:.0f} s:" if daemon.state == "silent" else ""
        yield f"daemon {daemon.name}{silent or ':'} {_named(daemon)}"
        if len(found.alive) > 1:
            yield f"  made the last pass of {_list(daemon.passed)}   delivers {_list(daemon.delivers)}"


def _named(daemon: Daemon) -> str:
    return (
        f"pid {daemon.pid} on {daemon.host}, version {daemon.version}, since {_moment(daemon.started_at)}, "
        f"last heartbeat {_moment(daemon.beat_at)}"
    )


def _list(names: object) -> str:
    return (
        ", ".join(map(str, cast("list[object]", names))) if isinstance(names, list) and names else "nothing"
    )


def _lines_of_feed(feed: FeedStatus) -> Iterator[str]:
    since = f"; since {_moment(feed.since)}" if feed.since else ""
    retry = f"; next try {_moment(feed.retry_at)}" if feed.retry_at else ""
    yield f"feed {feed.feed}: {feed.state}" + (f" ({feed.reason}{since}{retry})" if feed.reason else "")
    if feed.state == "missing":
        return
    rows, tombstones = _counted(feed.rows), _counted(feed.tombstones)
    yield f"  rows {rows}   tombstones {tombstones}   backlog {feed.backlog:,}"
    last_pass = _moment(feed.last_pass_at)
    due = f"   due {_number(feed, 'due')}" if feed.due else ""
    lag = "unknown" if feed.lag_seconds is None else f"{feed.lag_seconds:.3f} s"
    if feed.lag_unknown:
        lag += f" ({feed.lag_unknown})"
    yield f"  lag {lag}   unread entries {_number(feed, 'unread')}{due}   last pass {last_pass}"
    yield from _lines_of_feed_rates(feed)
    if feed.failed_entities:
        yield (
            f"  failed entities {_number(feed, 'failed_entities')}: their documents stay as they were "
            f"(`cdc-daemon failed {feed.feed}`)"
        )
    if feed.left_out:
        yield f"  entities of paused resyncs {feed.left_out:,} (`cdc-daemon resync {feed.feed} --resume`)"
    for sink in feed.sinks:
        yield from _lines_of_sink(sink)


def _lines_of_feed_rates(feed: FeedStatus) -> Iterator[str]:
    rates = feed.rates
    if not rates.recomputed and not rates.captured:
        return
    yield (
        f"  a second in the last minutes: captured {rates.captured:,.1f}   "
        f"recomputed {rates.recomputed:,.1f}   changed {rates.changed:,.1f}"
        + _percentiles(rates.lag_p50, rates.lag_p99)
        + (f", the backlog in {_duration(rates.caught_up_seconds)}" if rates.caught_up_seconds else "")
    )


def _line_of_schema(last: Migration) -> str:
    by = f" by cdc-daemon {last.version}" if last.version else ""
    return f"{own_schema.shown()}: version {last.number}, made{by} at {_moment(last.applied_at)}"


def _line_of_coverage(found: Coverage) -> str:
    what = f"documents of {found.feed}" + (f" in the receiver of {found.sink}" if found.sink else "")
    if found.not_covered:
        return f"{what} are not verified in the background: {found.not_covered}"
    if found.failure:
        return f"{what} can't be verified: {found.failure}"
    if found.finished_at is None or found.last_seconds is None:
        if found.records and not found.documents:
            return f"{what}: {found.records:,} records read in the first round"
        return f"{what}: {found.documents:,} verified in the first round, {found.differences:,} differ"
    return (
        f"all {what} verified within {_duration(found.last_seconds)}, at {_moment(found.finished_at)}: "
        f"{found.last_differences or 0:,} of {found.last_documents or 0:,} differ"
    )


def _percentiles(half: float | None, most: float | None) -> str:
    return "" if half is None or most is None else f"   lag p50 ≤ {half:g} s, p99 ≤ {most:g} s"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _lines_of_sink(sink: SinkStatus) -> Iterator[str]:
    yield (
        f"  sink {sink.sink}: undelivered {_number(sink, 'undelivered')}   delivered {sink.delivered:,}   "
        f"last {_moment(sink.delivered_at)}   failed items {_number(sink, 'failed_items')}"
        + (f" ({_number(sink, 'parked')} parked)" if sink.parked else "")
    )
    if sink.rates.delivered:
        rates = sink.rates
        yield (
            f"    delivered {rates.delivered:,.1f} a second in the last minutes"
            + _percentiles(rates.lag_p50, rates.lag_p99)
            + (f", the rest in {_duration(rates.caught_up_seconds)}" if rates.caught_up_seconds else "")
        )
    if sink.paused:
        yield "    paused: `cdc-daemon resume` lets it go on"
    for pause in sink.pauses:
        yield f"    paused {_told(pause)}"
    if sink.snapshot:
        yield "    a full snapshot is being delivered"
    if sink.failure:
        retry = f"; next try {_moment(sink.retry_at)}" if sink.retry_at else ""
        since = f" since {_moment(sink.failed_at)}" if sink.failed_at else ""
        yield f"    takes nothing after {sink.attempts} tries{since}: {sink.failure}{retry}"


def _told(pause: Pause) -> str:
    who = f" by role {pause.role}" if pause.role else ""
    who += f" (user {pause.os_user})" if pause.os_user else ""
    reason = f": {pause.reason}" if pause.reason else ""
    return f"since {_moment(pause.paused_at)}{who}{reason}"


def _number(found: FeedStatus | SinkStatus, field: str) -> str:
    shown = f"{getattr(found, field):,}"
    return f"at least {shown}" if field in found.at_least else shown


def _counted(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(sep=" ", timespec="seconds") if moment else "never"


def _lines_of_blocker(blocker: Blocker) -> Iterator[str]:
    if blocker.slot is not None:
        yield f"blocking: replication slot {blocker.slot} ({blocker.state}): {_joined(blocker.blocks)}"
        return
    named = f"prepared transaction {blocker.gid}" if blocker.gid else f"pid {blocker.pid}"
    shown = [
        f"role {blocker.role}" if blocker.role else "",
        blocker.program or "",
        blocker.state or "",
        f"since {_moment(blocker.since)}" if blocker.since else "",
    ]
    yield f"blocking: {named} ({', '.join(each for each in shown if each)}): {_joined(blocker.blocks)}"
    if blocker.query:
        yield f"  {' '.join(blocker.query.split())}"


def _lines_of_costs(found: Status) -> Iterator[str]:
    if found.sizes:
        largest = list(found.sizes.items())[:LARGEST]
        shown = ", ".join(f"{name} {_megabytes(size)}" for name, size in largest)
        yield f"size of schema cdc: {_megabytes(sum(found.sizes.values()))} ({shown})"
    for cost in found.write_costs:
        yield (
            f"capture of {cost.table}: {cost.milliseconds:.3f} ms a statement, "
            f"mean of {cost.statements:,} statements"
        )


def _joined(texts: Sequence[str]) -> str:
    return "; ".join(texts)


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MB"
