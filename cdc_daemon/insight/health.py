"""Whether all is well, for scripts and probes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.status import Status

MOST_LAG_SECONDS = 60.0
"""A feed with a larger lag is degraded."""

Level = Literal["healthy", "degraded", "down"]


@dataclass(frozen=True)
class Health:
    """The worst of all findings.

    Attributes:
        level: `down` if a feed is not followed by a daemon, stopped or missing; `degraded` if something is
            late, refused, paused or differs from what is installed; else `healthy`.
        reasons: why it is not healthy, the worst first.
    """

    level: Level
    reasons: Sequence[str] = ()

    @property
    def exit_code(self) -> int:
        """0 for healthy, 1 for degraded, 2 for down."""
        return ("healthy", "degraded", "down").index(self.level)


def health(found: Status) -> Health:
    """Return the health of what a status shows."""
    down = [reason for feed in found.feeds for reason in _down(feed, found)]
    degraded = [f"daemon pid {each.pid} is silent" for each in found.daemons.alive if each.state == "silent"]
    degraded += [reason for feed in found.feeds for reason in _degraded(feed)]
    if found.drift:
        degraded.append("installed objects differ from those that `install` would create")
    degraded += [f"not captured: {reason}" for reason in found.uncaptured]
    level: Level = "down" if down else "degraded" if degraded else "healthy"
    return Health(level, [*down, *degraded])


def _down(feed: FeedStatus, found: Status) -> Iterator[str]:
    if feed.state == "missing":
        yield f"feed {feed.feed} is not installed"
    elif not found.daemons.follow(feed.feed):
        yield f"feed {feed.feed} is followed by no daemon"
    elif feed.state == "stopped":
        yield f"feed {feed.feed} is stopped: {feed.reason}"


def _degraded(feed: FeedStatus) -> Iterator[str]:
    if feed.state in {"partial", "new"}:
        yield f"feed {feed.feed} is {feed.state}"
    elif feed.lag_seconds is None and feed.state != "missing":
        yield f"feed {feed.feed}: the lag is unknown"
    if (feed.lag_seconds or 0.0) > MOST_LAG_SECONDS:
        yield f"feed {feed.feed}: the lag is {feed.lag_seconds:.0f} s"
    if feed.failed_entities:
        yield f"feed {feed.feed}: {feed.failed_entities:,} entities failed"
    for sink in feed.sinks:
        where = f"sink {sink.sink}, feed {feed.feed}"
        if sink.failure:
            yield f"{where}: takes nothing"
        if sink.paused:
            yield f"{where}: paused"
        if sink.failed_items:
            yield f"{where}: {sink.failed_items:,} failed items"
