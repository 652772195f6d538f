"""The newest events of the log, for a page: from this process if it is a daemon, else from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from cdc_daemon import log
from cdc_daemon.errors import CdcError
from cdc_daemon.insight.log_search import Event, Search, events_of, in_file, in_journal

Source = Literal["process", "journal", "file", "none"]

MOST_ENTRIES = 5_000
"""How many of the newest entries of the journal are looked at."""

MOST_BYTES = 4 << 20
"""How much of the end of a file is looked at."""


@dataclass(frozen=True)
class LogPlace:
    """Where a process that is no daemon finds the log of daemons.

    Attributes:
        file: a file; None: the journal of this machine.
        unit: only this unit of the journal; None: every cdc-daemon.
        namespace: of the journal, if the unit has one (LogNamespace=).
    """

    file: Path | None = None
    unit: str | None = None
    namespace: str | None = None


@dataclass(frozen=True)
class RecentLog:
    """The newest events that were asked for.

    Attributes:
        events: the newest first.
        source: `process` (the memory of this process, which is a daemon), `journal` (every daemon of this
            machine that writes there), `file`, or `none`.
        looked_at: how many events were looked at.
        dropped: how many older events this process has had and keeps no longer.
        failure: why there is no source.
    """

    events: Sequence[Event]
    source: Source
    looked_at: int = 0
    dropped: int = 0
    failure: str | None = None


def recent_log(search: Search, place: LogPlace = LogPlace(), *, limit: int = 200) -> RecentLog:
    """Return the newest events.

    Args:
        place: where to look if this process is no daemon.
        limit: largest number of events.
    """
    kept = log.recent_lines()
    if kept is not None:
        lines = kept.lines()
        # From the newest one, and no further than needed: the workers of the daemon wait for the interpreter
        # while lines are parsed. 5,000 lines took 25 ms, the newest 200 take 0.6 ms.
        newest_first = (event for event in events_of(reversed(lines)) if search.finds(event))
        return RecentLog(list(islice(newest_first, limit)), "process", len(lines), kept.dropped)
    source: Source = "file" if place.file else "journal"
    try:
        entries = list(_entries(search, place))
    except CdcError as error:
        return RecentLog((), "none", failure=str(error))
    found = [event for event in entries if search.finds(event)]
    return RecentLog(found[: -limit - 1 : -1], source, len(entries))


def _entries(search: Search, place: LogPlace) -> Iterable[Event]:
    if place.file:
        return in_file(place.file, newest_bytes=MOST_BYTES)
    return in_journal(search, unit=place.unit, namespace=place.namespace, newest=MOST_ENTRIES)
