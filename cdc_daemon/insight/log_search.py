"""Search in the daemon's log: in systemd's journal, in a file, or in a stream."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from cdc_daemon.errors import CdcError

LEVELS = ("debug", "info", "warning", "error", "critical")
"""The levels of the log, least severe first."""

IDENTIFIER = "cdc-daemon"
"""The journal's SYSLOG_IDENTIFIER of every daemon."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_POLL_SECONDS = 0.2

Event = Mapping[str, Any]
"""One event: its fields by name. A line that is no event has only the field `message`."""


@dataclass(frozen=True)
class Search:
    """What an event must have. A field that is None asks for nothing.

    Attributes:
        events: names of which an event has one; empty: any.
        level: least severe level.
        key: values, as text, by column of the document's key or entity.
        pass_number, batch: the pass of a feed, and the batch of a delivery.
        since: the earliest time.
    """

    feed: str | None = None
    sink: str | None = None
    events: Sequence[str] = ()
    level: str | None = None
    key: Mapping[str, str] = field(default_factory=dict[str, str])
    pass_number: int | None = None
    batch: str | None = None
    since: datetime | None = None

    def finds(self, event: Event) -> bool:
        """Whether the event has all that is asked for."""
        wanted = {"feed": self.feed, "sink": self.sink, "pass": self.pass_number, "batch": self.batch}
        return (
            all(value is None or event.get(name) == value for name, value in wanted.items())
            and (not self.events or event.get("event") in self.events)
            and (self.level is None or _severity(event) >= LEVELS.index(self.level))
            and (not self.key or any(_has(event.get(name), self.key) for name in ("key", "entity")))
            and (self.since is None or _is_since(event, self.since))
        )

    @property
    def matches(self) -> list[str]:
        """The same as far as the journal's own fields can tell, in the words of journalctl."""
        pairs = {
            "CDC_FEED": self.feed,
            "CDC_SINK": self.sink,
            "CDC_PASS": self.pass_number,
            "CDC_BATCH": self.batch,
        }
        found = [f"{name}={value}" for name, value in pairs.items() if value is not None]
        return [*found, *(f"CDC_EVENT={event}" for event in self.events)]


def events_of(lines: Iterable[bytes | str]) -> Iterator[Event]:
    """Yield the event of each line of a log, without the priority that systemd reads in front of it."""
    for line in lines:
        raw = line if isinstance(line, bytes) else line.encode(errors="surrogateescape")
        event = _parsed(raw.strip())
        if event:
            yield event


def in_file(
    path: Path,
    *,
    follow: bool = False,
    newest_bytes: int | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> Iterator[Event]:
    """Yield the events of a file.

    Args:
        follow: go on when the file grows, and with the new file when it is replaced (logrotate).
        newest_bytes: begin at the first line within so many bytes of the end.
        pause: waits for so many seconds.

    Raises:
        CdcError: the file can't be read.
    """
    try:
        while True:
            with path.open("rb") as file:
                if newest_bytes is not None and path.stat().st_size > newest_bytes:
                    file.seek(-newest_bytes, os.SEEK_END)
                    file.readline()  # a part of a line
                yield from events_of(file)
                if not follow:
                    return
                yield from _grown(path, file, pause)
    except OSError as error:
        raise CdcError(f"can't be read: {error.strerror}", where=str(path)) from error


def in_journal(
    search: Search,
    *,
    unit: str | None = None,
    namespace: str | None = None,
    follow: bool = False,
    newest: int | None = None,
) -> Generator[Event]:
    """Yield events of systemd's journal, oldest first. The journal's index does a part of the search.

    Args:
        unit: only this unit; default: every cdc-daemon.
        namespace: of the journal, if the unit has one (LogNamespace=).
        follow: go on with new events until the caller closes the generator.
        newest: look at this many of the newest entries alone.

    Raises:
        CdcError: there is no journalctl, or it fails.
    """
    command = ["journalctl", "--output=json", "--all", "--no-pager", "--quiet", "--output-fields=MESSAGE"]
    command += [f"--namespace={namespace}"] if namespace else []
    command += [f"--since=@{search.since.timestamp():.6f}"] if search.since else []
    command += [f"--lines={newest}"] if newest else []
    # --follow alone shows ten lines of the past.
    command += ["--follow", "--no-tail"] if follow else []
    whose = f"_SYSTEMD_UNIT={_unit(unit)}" if unit else f"SYSLOG_IDENTIFIER={IDENTIFIER}"
    command += [whose, *search.matches]
    if search.matches:
        # Where the journal's socket could not be used, lines came through standard output, without fields.
        command += ["+", whose, "_TRANSPORT=stdout"]
    try:
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 # no shell
    except OSError as error:
        raise CdcError(
            "journalctl can't be run: is this a machine with systemd?",
            where="the journal",
            hint="name a file with --file, or - for standard input",
        ) from error
    assert program.stdout is not None and program.stderr is not None  # noqa: S101, PT018 # both are pipes
    with closing(program.stderr), closing(program.stdout):
        try:
            yield from events_of(_message(line) for line in program.stdout)
            said = program.stderr.read().decode(errors="replace").strip()
            # journalctl ends with 1 if nothing matches.
            if program.wait() != 0 and said:
                raise CdcError(f"journalctl fails: {said}", where="the journal", hint=_remedy(said))
        finally:
            program.terminate()
            program.wait()


def moment(text: str, *, now: datetime | None = None) -> datetime:
    """Return the time that a person names: `10m`, `2h`, `3d` ago, or a date and time by ISO 8601 (UTC).

    Raises:
        ValueError: the text is neither.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isdecimal():
        return (now or datetime.now(UTC)) - timedelta(seconds=int(number) * _UNITS[unit])
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _parsed(line: bytes) -> Event:
    if line[:1] == b"<" and line[2:3] == b">":  # sd-daemon(3)
        line = line[3:]
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        event = None
    if isinstance(event, dict):
        return cast("Event", event)
    return {"message": line.decode(errors="replace")} if line else {}


def _message(line: bytes) -> bytes:
    message = orjson.loads(line).get("MESSAGE")
    # The journal writes a message that is no printable text as a list of bytes.
    return bytes(cast("list[int]", message)) if isinstance(message, list) else str(message or "").encode()


def _grown(path: Path, file: BinaryIO, pause: Callable[[float], object]) -> Iterator[Event]:
    """Yield events that are appended, until another file has taken the place of this one."""
    rest = b""
    while True:
        for line in file:
            rest += line
            if rest.endswith(b"\n"):
                yield from events_of([rest])
                rest = b""
        pause(_POLL_SECONDS)
        try:
            present = path.stat()
        except FileNotFoundError:
            continue  # between two files
        if present.st_ino != os.fstat(file.fileno()).st_ino or present.st_size < file.tell():
            yield from events_of(file)
            return


def _remedy(said: str) -> str | None:
    """Return what helps against a failure of journalctl."""
    if "permission" in said.lower():
        return "have root add your user to the group systemd-journal, then log in again"
    return None


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"


def _severity(event: Event) -> int:
    level = event.get("level")
    # A line that is no event may be a traceback: it is as severe as can be.
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def _has(identity: object, key: Mapping[str, str]) -> bool:
    return isinstance(identity, dict) and all(
        name in identity and _as_text(cast("dict[str, object]", identity)[name]) == value
        for name, value in key.items()
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _is_since(event: Event, since: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(event.get("timestamp"))) >= since
    except ValueError:
        return True  # a line without a time belongs to the one before it
