"""Pieces of sentences about a document: times, numbers, transactions, changes."""

from __future__ import annotations

from datetime import datetime

from cdc_daemon.insight.trace.facts import Facts, Holder, Waiting
from cdc_daemon.workers.chosen_items import FailedItem

MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS = 60, 3600, 86400


def moment(facts: Facts, when: datetime) -> str:
    """Return a time (UTC), with its date if that is not the day of the question."""
    same_day = when.date() == facts.asked_at.date()
    text = when.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    return f"{text.partition(' ')[2] if same_day else text} UTC"


def duration(seconds: float) -> str:
    """Return a duration with one unit: `40 s`, `12 min`."""
    for unit, size in (("d", DAY_SECONDS), ("h", HOUR_SECONDS), ("min", MINUTE_SECONDS)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{max(seconds, 0):,.0f} s"


def short(seconds: float) -> str:
    """Return a short time: `41 ms`, `2.3 s`, `12 min`."""
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 2 * MINUTE_SECONDS else duration(seconds)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with a noun, such as `1 change` or `2 changes`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def times(number: int) -> str:
    """Return a number of repetitions."""
    return "once" if number == 1 else f"{number:,} times"


def answer(item: FailedItem) -> str:
    """Return a receiver's words."""
    return f"{item.status}: {item.reason}" if item.status else item.reason


def holder(facts: Facts, each: Holder) -> str:
    """Return a transaction in words: who, what, since when."""
    who = (
        f"the prepared transaction {each.prepared!r}" if each.prepared else f"a transaction of pid {each.pid}"
    )
    told = [f"role {each.role}" if each.role else "", each.application or ""]
    named = ", ".join(part for part in told if part)
    since = f" since {moment(facts, each.since)}" if each.since else ""
    what = "keeps everybody from reading" if each.excludes else "has written to"
    return f"{who}{f' ({named})' if named else ''} {what} {each.table}{since}"


def no_daemon(facts: Facts) -> str:
    """Return why nobody follows the feed."""
    daemons = facts.state.daemons
    for each in daemons.alive:
        if each.state == "silent":
            silent = duration(each.silent_seconds)
            return f"the daemon of pid {each.pid} on {each.host} gives no sign of life for {silent}"
    if daemons.running:
        return f"no running daemon has feed {facts.feed} in its configuration"
    if daemons.last:
        last = daemons.last
        return f"no daemon runs (pid {last.pid} on {last.host} ended without a goodbye)"
    return "no daemon runs"


def waiting(facts: Facts, each: Waiting) -> str:
    """Return unread changes of one table in words."""
    rows = "every changed row" if each.rows is None else counted(each.rows, "changed row")
    return f"{rows} of {each.table} by the route {each.route}, since {moment(facts, each.since)}"
