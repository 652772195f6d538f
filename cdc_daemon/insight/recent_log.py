"""The newest events of the log, for a page: from this process if it is a daemon, else from the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cdc_daemon import log
from cdc_daemon.errors import CdcError
from cdc_daemon.insight.log_search import Event, Search, events_of, in_journal

Source = Literal["process", "journal", "none"]

MOST_ENTRIES = 5_000
"""How many of the newest entries of the journal are looked at."""


@dataclass(frozen=True)
class RecentLog:
    """The newest events that were asked for.

    Attributes:
        events: the newest first.
        source: `process` (the memory of this process, which is a daemon), `journal` (every daemon of this
            machine that writes there), or `none`.
        looked_at: how many events were looked at.
        dropped: how many older events this process has had and keeps no longer.
        failure: why there is no source.
    """

    events: Sequence[Event]
    source: Source
    looked_at: int = 0
    dropped: int = 0
    failure: str | None = None


def recent_log(search: Search, *, limit: int = 200) -> RecentLog:
    """Return the newest events.

    Args:
        limit: largest number of events.
    """
    kept = log.recent_lines()
    if kept is not None:
        lines = kept.lines()
        found = [event for event in events_of(lines) if search.finds(event)]
        return RecentLog(found[: -limit - 1 : -1], "process", len(lines), kept.dropped)
    try:
        entries = list(in_journal(search, newest=MOST_ENTRIES))
    except CdcError as error:
        return RecentLog((), "none", failure=error.what)
    found = [event for event in entries if search.finds(event)]
    return RecentLog(found[: -limit - 1 : -1], "journal", len(entries))
