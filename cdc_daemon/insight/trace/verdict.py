"""The verdict on one document: the first obstacle between change and receiver, from source to sink."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cdc_daemon.insight.trace.facts import Facts, Sink


class Standing(StrEnum):
    """What a verdict says. docs/reference.md explains each."""

    NOT_CAPTURED = "not-captured"
    FEED_STOPPED = "feed-stopped"
    NO_DAEMON = "no-daemon"
    BLOCKED = "blocked"
    NOT_BEGUN = "not-begun"
    SET_ASIDE = "set-aside"
    QUERY_FAILS = "query-fails"
    IN_BACKLOG = "in-backlog"
    UNREAD = "unread"
    DUE = "due"
    DIFFERENT = "different"
    PAUSED = "paused"
    PARKED = "parked"
    REFUSED = "refused"
    SINK_FAILS = "sink-fails"
    SNAPSHOT = "snapshot"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    UNCHANGED = "unchanged"
    STORED = "stored"
    GONE = "gone"
    NEVER = "never"


@dataclass(frozen=True)
class Verdict:
    """The answer in one word.

    Attributes:
        sink: the sink that it is about; None if it is not about one.
    """

    standing: Standing
    sink: str | None = None


def judge(facts: Facts) -> Verdict:
    """Return the first obstacle that is in force; if there is none, how the document rests.

    An obstacle before the store is in force only if the store does not say what the query says. An obstacle
    before a sink is in force only if the sink lacks the stored revision.
    """
    if facts.is_current is not True:
        return Verdict(next(_before_the_store(facts)))
    lacking = [sink for sink in facts.sinks if sink.has is False]
    obstacles = [(obstacle(facts, sink), sink) for sink in lacking]
    if obstacles:
        standing, sink = min(obstacles, key=lambda each: _ORDER.index(each[0]))
        return Verdict(standing, sink.name)
    if facts.stored is None:
        return Verdict(Standing.NEVER)
    if facts.stored.deleted:
        return Verdict(Standing.GONE)
    if facts.unchanged_by:
        return Verdict(Standing.UNCHANGED)
    return Verdict(Standing.DELIVERED if facts.sinks else Standing.STORED)


def _before_the_store(facts: Facts) -> Iterator[Standing]:
    """Yield the obstacles between the source rows and the store, the first first, and at least one."""
    state = facts.state
    found = bool(facts.waiting or facts.backlog)
    if not found and (state.disabled or state.uncaptured):
        yield Standing.NOT_CAPTURED
    if state.stopped:
        yield Standing.FEED_STOPPED
    if not state.followed:
        yield Standing.NO_DAEMON
    if facts.yielded.blocked or any(holder.excludes for holder in state.holders):
        yield Standing.BLOCKED
    if not state.begun:
        yield Standing.BLOCKED if state.holders else Standing.NOT_BEGUN
    if facts.set_aside:
        yield Standing.SET_ASIDE
    if facts.yielded.failed:
        yield Standing.QUERY_FAILS
    if facts.backlog:
        yield Standing.IN_BACKLOG
    if facts.waiting or state.moved:
        yield Standing.UNREAD
    if facts.stored and facts.stored.refresh_at:
        yield Standing.DUE
    yield Standing.DIFFERENT


_ORDER = (
    Standing.NO_DAEMON,
    Standing.PAUSED,
    Standing.PARKED,
    Standing.REFUSED,
    Standing.SINK_FAILS,
    Standing.SNAPSHOT,
    Standing.UNDELIVERED,
)
"""The order in which the obstacles of several sinks are told: those that need a person come first."""


def obstacle(facts: Facts, sink: Sink) -> Standing:
    """Return the first obstacle between the store and a sink that lacks the document."""
    if not facts.state.followed:
        return Standing.NO_DAEMON
    if sink.pause:
        return Standing.PAUSED
    if sink.item and sink.item.next_attempt_at is None:
        return Standing.PARKED
    if sink.failure:
        return Standing.SINK_FAILS
    if sink.item and sink.item.attempts:
        return Standing.REFUSED
    return Standing.SNAPSHOT if sink.snapshot else Standing.UNDELIVERED
