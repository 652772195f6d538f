"""The log: one line an event, JSON for programs or readable for people, never a secret.

Loggers are `structlog.get_logger()`; what they may say stands in `cdc_daemon.events`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

import orjson

from cdc_daemon.log.journal import SOCKET, Journal
from cdc_daemon.log.plain_structlog import structlog
from cdc_daemon.log.recent import RecentLines
from cdc_daemon.log.throttle import Throttle
from cdc_daemon.redaction import hide_within
from cdc_daemon.visible import visible, visible_json, visible_lines

if TYPE_CHECKING:  # this import would load structlog with rich
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

__all__ = ["Format", "RecentLines", "Throttle", "configure", "for_people", "get_logger", "recent_lines"]

Format = Literal["auto", "json", "console"]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(
    level: str = "info",
    format: Format = "auto",  # noqa: A002 (what the option and the setting are called)
    stream: TextIO | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    journal: str = SOCKET,
    recent: RecentLines | None = None,
) -> None:
    """Send the log of this process, and of the libraries in it, to one stream.

    Args:
        level: least severity: `debug`, `info`, `warning`, `error`.
        format: `auto` is `console` on a terminal, else `json`; under systemd always `json`.
        stream: default standard output; standard error when a sink writes to standard output.
        environ: tells whether this is a service of systemd.
        journal: socket of systemd's journal.
        recent: gets each event too, as a line of JSON.
    """
    _recent.clear()
    if recent is not None:
        _recent.append(recent)
    target: TextIO = stream or sys.stdout
    as_json = format == "json" or (format == "auto" and not _for_people(target, environ))
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_serialised)
        if as_json
        else _console(colors=has_colors(target, environ))
    )
    to_journal = as_json and _is_journal(target, environ)
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hidden,
            _event_first,
            *([_kept(recent)] if recent is not None else []),
            _with_fields(renderer) if to_journal else renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_JournalLoggers(Journal(target, journal))
        if to_journal
        else structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,  # a logger made before this call must follow it too
    )
    root = logging.getLogger()
    root.handlers[:] = [_Libraries()]
    # Libraries log each request at INFO and below. An operator does not need that.
    root.setLevel(max(logging.WARNING, _LEVELS[level]))


_recent: list[RecentLines] = []


def recent_lines() -> RecentLines | None:
    """Return what keeps the newest events of this process; None if nothing does."""
    return _recent[0] if _recent else None


class _Libraries(logging.Handler):
    """Turns what libraries log into events: events have fixed names, and a library's text becomes a field."""

    def emit(self, record: logging.LogRecord) -> None:
        level = max((known for known in _LEVELS.values() if known <= record.levelno), default=logging.DEBUG)
        fields = {"exc_info": record.exc_info} if record.exc_info else {}
        log = get_logger()
        log.log(level, "library_logged", logger=record.name, message=record.getMessage(), **fields)


class _JournalLogger:
    """The last link of structlog's chain: each of its methods writes one event to the journal."""

    def __init__(self, journal: Journal) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = journal.write


class _JournalLoggers:
    def __init__(self, journal: Journal) -> None:
        self._logger = _JournalLogger(journal)

    def __call__(self, *_: object) -> _JournalLogger:
        return self._logger


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is the one that systemd reads: JOURNAL_STREAM names its device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False  # no file, such as a stream in memory
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _with_fields(renderer: Processor) -> Processor:
    """The renderer for the journal, whose entries have fields beside the line."""

    def render(
        logger: WrappedLogger, method: str, event: EventDict
    ) -> tuple[tuple[str, EventDict], EventDict]:
        fields = dict(event)
        return (str(renderer(logger, method, event)), fields), {}

    return render


def _for_people(stream: TextIO, environ: Mapping[str, str]) -> bool:
    return stream.isatty() and not environ.keys() & {"JOURNAL_STREAM", "INVOCATION_ID"}


def _serialised(event: EventDict, **_: Any) -> str:
    # Fields may be anything that a caller has at hand (paths, decimals, snapshots): as text if need be.
    try:
        line = orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair, or nested deeper than orjson goes
        texts = {name: value if isinstance(value, str) else ascii(value) for name, value in event.items()}
        line = orjson.dumps(
            {name: text.encode(errors="backslashreplace").decode() for name, text in texts.items()}
        ).decode()
    return visible_json(line)


def has_colors(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to color what goes to a stream: not if NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR")


def for_people(*, colors: bool) -> Callable[[Mapping[str, Any]], str]:
    """Return the function that shows one event to a person, as `console` does.

    It takes the event's fields. Of a line that is no event it takes the field `message`.
    """
    console = _console(colors=colors)

    def show(event: Mapping[str, Any]) -> str:
        if "event" not in event:
            return visible(str(event.get("message", "")))
        return str(console(None, "", dict(event)))

    return show


def _console(*, colors: bool) -> Processor:
    return _Console(structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=24, sort_keys=False))


class _Console:
    """A renderer for people: what others said can't act on their terminal."""

    def __init__(self, renderer: structlog.dev.ConsoleRenderer) -> None:
        self._renderer = renderer

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        shown = {
            name: visible_lines(value) if name == "exception" and isinstance(value, str) else _shown(value)
            for name, value in event.items()
        }
        return self._renderer(logger, method, shown)


def _shown(value: object) -> object:
    """Numbers keep their type, which the renderer colours; keys are shown as JSON, all else as its text."""
    if isinstance(value, int | float | None):
        return value
    text = str(value)
    if isinstance(value, dict | list):
        with suppress(orjson.JSONEncodeError):
            text = orjson.dumps(cast("object", value), default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return visible(text)


def _kept(recent: RecentLines) -> Processor:
    """The processor that keeps each event."""

    def keep(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        recent.add(_serialised(event).encode())
        return event

    return keep


def _event_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


def _hidden(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Secrets out of every text of an event, however deep, and signs that a terminal would obey."""
    return {name: hide_within(value) for name, value in event.items()}


def get_logger(logger: str | None = None, **bound: object) -> FilteringBoundLogger:
    """A logger whose events all carry these fields.

    Args:
        logger: the module that it is for; does not appear in the log, where events have names of their own.
    """
    _ = logger
    return cast("FilteringBoundLogger", structlog.get_logger(**bound))
