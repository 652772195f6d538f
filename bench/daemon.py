"""Runs the installed command as a separate process and reads its log."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

COMMAND = Path(sys.executable).with_name("cdc-daemon")


class CommandFailed(Exception):
    """The command did not end as expected. The message has the end of its output."""


@dataclass(frozen=True)
class Event:
    """A line of the log.

    Attributes:
        at: when this process read the line, in seconds of the monotonic clock; never before the event.
    """

    at: float
    name: str
    fields: Mapping[str, Any]


class Daemon:
    """`cdc-daemon run`, from its start until it is stopped."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self.events: list[Event] = []
        self._said = ""
        self._delivered: Counter[tuple[str, str | None]] = Counter()
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def delivered(self, feed: str, sink: str | None = None) -> int:
        """Return the number of records of a feed that a sink (or all sinks) took since the start."""
        return self._delivered[feed, sink]

    def wait(self, condition: Callable[[Daemon], bool], *, seconds: float, awaited: str) -> float:
        """Wait until the log fulfils a condition. Return the time of that line, in monotonic seconds.

        Raises:
            CommandFailed: the daemon ended, or the time limit passed.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition(self):
                if self._process.poll() is not None:
                    raise CommandFailed(f"the daemon ended while {awaited} was awaited:\n{self._said}")
                if time.monotonic() > deadline:
                    raise CommandFailed(f"{awaited} did not come in {seconds:g} s:\n{self._said}")
                self._changed.wait(1.0)
        return self.events[-1].at

    def wait_delivered(
        self, feed: str, records: int, *, sink: str | None = None, seconds: float = 3600
    ) -> float:
        """Wait until `count` records of a feed are delivered.

        Return when, in seconds of the monotonic clock.
        """
        return self.wait(
            lambda daemon: daemon.delivered(feed, sink) >= records,
            seconds=seconds,
            awaited=f"delivery of {records} records of {feed}",
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def peak_megabytes(self) -> float:
        """Return its peak memory so far (resident, with shared libraries), in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text("ascii")
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(kilobytes) * 1024 / 1e6

    def forget_peak(self) -> None:
        """Reset the peak, so that `peak_megabytes` counts from now on."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", "ascii")

    def stop(self) -> None:
        """Send SIGTERM, and read the log to its end."""
        self._process.terminate()
        if code := self._process.wait(60):
            raise CommandFailed(f"cdc-daemon run ended with code {code}:\n{self._said}")
        self._reader.join()

    def kill(self) -> None:
        """Kill the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._note(line)
        with self._changed:
            self._changed.notify_all()

    def _note(self, line: bytes) -> None:
        at = time.monotonic()
        fields: dict[str, Any]
        try:
            fields = orjson.loads(line)
        except orjson.JSONDecodeError:
            fields = {"event": "said", "text": line.decode(errors="replace")}
        with self._changed:
            if fields.get("level") not in {"info", "debug"}:
                self._said = f"{self._said}{line.decode(errors='replace')}"[-4000:]
            if fields["event"] == "batch_delivered":
                for sink in (None, fields["sink"]):
                    self._delivered[fields["feed"], sink] += fields["records"]
            self.events.append(Event(at, fields["event"], fields))
            self._changed.notify_all()


@dataclass(frozen=True)
class Installed:
    """The command with one configuration and database.

    Attributes:
        settings: further settings, as environment variables.
    """

    configuration: Path
    dsn: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)

    def call(self, *arguments: str) -> float:
        """Run a command to its end. Return its duration in seconds, including the start of the program.

        Raises:
            CommandFailed: it ended with an error.
        """
        started = time.monotonic()
        ended = subprocess.run(
            self.command(*arguments), env=self.environment(), capture_output=True, text=True, check=False
        )
        if ended.returncode:
            said = (ended.stdout + ended.stderr)[-4000:]
            raise CommandFailed(f"cdc-daemon {' '.join(arguments)} ended with {ended.returncode}:\n{said}")
        return time.monotonic() - started

    @contextmanager
    def running(self) -> Generator[Daemon]:
        """Run the daemon. It works when the block begins; the end of the block stops it."""
        daemon = Daemon(self.command("run"), self.environment())
        try:
            daemon.wait(
                lambda d: any(event.name == "daemon_started" for event in d.events),
                seconds=60,
                awaited="its start",
            )
            yield daemon
            daemon.stop()
        finally:
            daemon.kill()

    def command(self, *arguments: str) -> list[str]:
        """Return the arguments of a command line."""
        return [str(COMMAND), "--config", str(self.configuration), *arguments]

    def environment(self) -> dict[str, str]:
        """Return this process's environment with the database, without other settings of cdc-daemon."""
        settings = {"CDC_DATABASE_DSN": self.dsn, "CDC_LOG_FORMAT": "json", **self.settings}
        return {name: value for name, value in os.environ.items() if not name.startswith("CDC_")} | settings
