"""The log: one line an event, JSON for programs or readable for people, never a secret.

Loggers are `structlog.get_logger()`; what they may say stands in `cdc_daemon.events`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from cdc_daemon.redaction import hide_within
from cdc_daemon.visible import visible, visible_json, visible_lines

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
) -> None:
    """Send the log of this process, and of the libraries in it, to one stream.

    Args:
        level: least severity: `debug`, `info`, `warning`, `error`.
        format: `auto` is `console` on a terminal, else `json`; under systemd always `json`.
        stream: default standard output; standard error when a sink writes to standard output.
        environ: tells whether this is a service of systemd.
    """
    target: TextIO = stream or sys.stdout
    as_json = format == "json" or (format == "auto" and not _for_people(target, environ))
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _hidden,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_serialised)
        if as_json
        else _Console(structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=24))
    )
    if as_json and _to_journal(target, environ):
        renderer = _with_priority(renderer)
    structlog.configure(
        processors=[*shared, _event_first, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,  # a logger made before this call must follow it too
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared, _as_library_event, _event_first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries tell each request at INFO and below, which is none of an operator's business.
    root.setLevel(max(logging.WARNING, _LEVELS[level]))


# sd-daemon(3): a line that begins with <N> has the syslog priority N in the journal.
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def _to_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is the one that systemd reads: JOURNAL_STREAM names its device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False  # no file, such as a stream in memory
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _with_priority(renderer: Processor) -> Processor:
    """The renderer, with the event's level as the journal's priority in front of its line."""

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        priority = _PRIORITIES.get(str(event.get("level")), _PRIORITIES["info"])
        return f"<{priority}>{renderer(logger, method, event)!s}"

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
    """Numbers keep their type, which the renderer colours; all else as the text that it is."""
    return value if isinstance(value, int | float | None) else visible(str(value))


def _as_library_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Events have fixed names: what a library says becomes a field of one."""
    return {**event, "event": "library_logged", "message": event["event"]}


def _event_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


def _hidden(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Secrets out of every text of an event, however deep, and signs that a terminal would obey."""
    return {name: hide_within(value) for name, value in event.items()}


@dataclass
class _Told:
    at: float
    suppressed: int = 0


class Throttle:
    """Lets the same failure through once in a while, with the number of times that it stayed silent.

    Usage: `throttle.log(log.warning, "sink_failed", about="catalog", reason=…)`.

    Args:
        every_seconds: at most one line per event and thing in this time.
        clock: seconds that only grow.
    """

    def __init__(self, every_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_seconds = every_seconds
        self._clock = clock
        self._told: dict[tuple[str, str], _Told] = {}
        self._lock = threading.Lock()

    def log(self, write: Callable[..., Any], event: str, *, about: str, **fields: object) -> bool:
        """Write the event unless the same event about the same thing was written just now.

        Args:
            write: a logger's method, such as `log.warning`.
            about: what the failure belongs to; it does not appear in the line. A different failure should
                be about something else.

        Returns:
            Whether it was written. The line has `repeated`, the number of silent ones before it, if any.
        """
        now = self._clock()
        with self._lock:
            told = self._told.get((event, about))
            if told is not None and now - told.at < self._every_seconds:
                told.suppressed += 1
                return False
            self._told[event, about] = _Told(now)
        if told is not None and told.suppressed:
            fields["repeated"] = told.suppressed
        write(event, **fields)
        return True

    def reset(self, event: str, *, about: str) -> None:
        """The failure is over: its next occurrence is told at once."""
        with self._lock:
            self._told.pop((event, about), None)


def get_logger(logger: str | None = None, **bound: object) -> FilteringBoundLogger:
    """A logger whose events all carry these fields.

    Args:
        logger: the module that it is for; does not appear in the log, where events have names of their own.
    """
    _ = logger
    return cast("FilteringBoundLogger", structlog.get_logger(**bound))
