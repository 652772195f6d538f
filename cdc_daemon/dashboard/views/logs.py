"""The newest events of the log, with the filters of `cdc-daemon logs`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from cdc_daemon.dashboard.access.viewer import Viewer
from cdc_daemon.dashboard.definitions import Asked, BadQuestion, Forbidden
from cdc_daemon.events import EVENTS
from cdc_daemon.insight import log_search
from cdc_daemon.insight.log_search import Event, Search
from cdc_daemon.insight.recent_log import Source, recent_log
from cdc_daemon.workers.payload_log import masked

LIMIT = 200
"""Number of events on a page."""

_HEAD = ("timestamp", "level", "event")
_OPEN_FIELDS = frozenset({"feed", "sink", "pass", "batch", "name", "worker", "version"})
"""Texts that hold nothing of a document: everybody may see them. Numbers are open too."""


@dataclass(frozen=True)
class LogsQuestion:
    """Which events.

    Attributes:
        level: least severe level.
        key: COLUMN=VALUE of a document's key or an entity; needs the right to documents.
        pass_number: the pass of a feed.
        batch: ID of a batch of a delivery.
        since: `10m`, `2h`, `3d`, or a time by ISO 8601.
    """

    feed: str | None = None
    sink: str | None = None
    event: str | None = None
    level: Literal["debug", "info", "warning", "error", "critical"] | None = None
    key: str | None = None
    pass_number: int | None = None
    batch: str | None = None
    since: str | None = None


@dataclass(frozen=True)
class LogLine:
    """An event.

    Attributes:
        meaning: what the event means; None for a line that is no event.
        fields: its other fields, as text.
        hidden: how many fields are not shown, because they may hold something of a document.
    """

    at: str
    level: str
    event: str
    meaning: str | None
    fields: Mapping[str, str]
    hidden: int = 0


@dataclass(frozen=True)
class Logs:
    """The newest events that were asked for, the newest first.

    Attributes:
        source: `process` (the memory of the daemon that serves this), `journal` (every daemon of this machine
            that writes there), `file` (the one that `cdc-daemon dashboard --log-file` names), or `none`.
        looked_at: how many events were looked at.
        dropped: how many older events the daemon keeps no longer.
        failure: why there is no log here.
    """

    lines: Sequence[LogLine]
    source: Source
    looked_at: int
    dropped: int
    failure: str | None
    feeds: Sequence[str]
    sinks: Sequence[str]
    events: Sequence[str]


def logs(asked: Asked, question: LogsQuestion) -> Logs:
    """Return the newest events."""
    if question.key is not None and not asked.viewer.documents:
        raise Forbidden("a key is a part of a document", hint="ask for the right to documents")
    found = recent_log(_search(question), asked.log, limit=LIMIT)
    return Logs(
        [_line(event, asked.viewer, asked.settings.log.mask) for event in found.events],
        found.source,
        found.looked_at,
        found.dropped,
        found.failure,
        list(asked.settings.feeds),
        list(asked.settings.sinks),
        sorted(EVENTS),
    )


def _search(question: LogsQuestion) -> Search:
    if question.event is not None and question.event not in EVENTS:
        raise BadQuestion(f"there is no event {question.event!r}", where="event")
    key: dict[str, str] = {}
    if question.key is not None:
        column, sign, value = question.key.partition("=")
        if not sign or not column:
            raise BadQuestion(f"{question.key!r} is not COLUMN=VALUE", where="key")
        key[column] = value
    try:
        since = None if question.since is None else log_search.moment(question.since)
    except (ValueError, OverflowError):
        hint = "10m, 2h, 3d, or a time by ISO 8601"
        raise BadQuestion(f"{question.since!r} is no time", where="since", hint=hint) from None
    return Search(
        feed=question.feed,
        sink=question.sink,
        events=() if question.event is None else (question.event,),
        level=question.level,
        key=key,
        pass_number=question.pass_number,
        batch=question.batch,
        since=since,
    )


def _line(event: Event, viewer: Viewer, mask: Collection[str]) -> LogLine:
    name = str(event.get("event", ""))
    fields = {each: value for each, value in event.items() if each not in _HEAD}
    shown = {
        each: _text(masked(value, mask))
        for each, value in fields.items()
        if viewer.documents or _is_open(each, value)
    }
    known = EVENTS.get(name)
    return LogLine(
        str(event.get("timestamp", "")),
        str(event.get("level", "")),
        name,
        known.meaning if known else None,
        shown,
        len(fields) - len(shown),
    )


def _is_open(name: str, value: object) -> bool:
    if name in _OPEN_FIELDS:
        return not isinstance(value, dict)
    return isinstance(value, int | float) and name not in {"key", "entity", "document"}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()
