"""Runs the installed command as a person would, and reads its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson


class CommandFailed(Exception):
    """A command of the demo ended with an error. The message has the end of its output."""


@dataclass(frozen=True)
class Figures:
    """Sums over passes and deliveries; `lag_seconds` is a maximum.

    Attributes:
        passes: number of passes.
        recomputed: number of recomputed documents.
        unchanged: of these, documents that did not differ from the stored ones.
        upserts, deletes: of these, documents to send.
        delivered: number of records that a sink took.
        lag_seconds: greatest age of a change at the end of its pass.
    """

    passes: int = 0
    recomputed: int = 0
    unchanged: int = 0
    upserts: int = 0
    deletes: int = 0
    delivered: int = 0
    lag_seconds: float = 0.0

    def __add__(self, other: Figures) -> Figures:
        sums = {name: getattr(self, name) + getattr(other, name) for name in _COUNTED}
        return replace(self, **sums, lag_seconds=max(self.lag_seconds, other.lag_seconds))

    def __sub__(self, other: Figures) -> Figures:
        return replace(self, **{name: getattr(self, name) - getattr(other, name) for name in _COUNTED})


_COUNTED = tuple(field.name for field in fields(Figures) if field.name != "lag_seconds")


class Daemon:
    """`cdc-daemon` with one configuration.

    Args:
        configuration: path of the file.
        dsn, state: connection string and state folder, passed as environment variables.
    """

    def __init__(self, configuration: Path, dsn: str, *, state: Path) -> None:
        self._command = [sys.executable, "-m", "cdc_daemon", "--config", str(configuration)]
        settings = {
            "CDC_DATABASE_DSN": dsn,
            "CDC_DAEMON_STATE_DIR": str(state),
            "CDC_LOG_FORMAT": "json",
            # Port 0: one that is free.
            "CDC_HTTP_LISTEN": os.environ.get("DEMO_LISTEN", "127.0.0.1:0"),
            "CDC_HTTP_ACTIONS": "true",
        }
        self._environment = {**os.environ, **settings}
        self._by_feed: dict[str, Figures] = {}
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._served = threading.Event()
        self._address = ""
        self._unplanned: set[str] = set()
        self._said: deque[str] = deque(maxlen=20)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def dashboard(self, *, seconds: float = 10.0) -> str | None:
        """Return the URL of the daemon's dashboard; None if it serves none within so many seconds."""
        return f"http://{self._address}/" if self._served.wait(seconds) else None

    def figures(self) -> Figures:
        """Return the sums of all feeds since the start. The greatest lag counts from the last call."""
        with self._lock:
            total = sum(self._by_feed.values(), Figures())
            self._by_feed = {feed: replace(found, lag_seconds=0.0) for feed, found in self._by_feed.items()}
            return total

    def by_feed(self) -> dict[str, Figures]:
        """Return the sums since the start, by feed."""
        with self._lock:
            return dict(self._by_feed)

    def call(self, *arguments: str) -> None:
        """Run a command to its end.

        Raises:
            CommandFailed: the command ended with an error.
        """
        self._start(*arguments)
        self._wait(arguments)

    def start(self) -> None:
        """Start `cdc-daemon run`. Return when it has planned its feeds and follows them.

        Raises:
            CommandFailed: the command ended instead.
        """
        self._start("run")
        self._ready.wait()
        if not self.runs():
            self.stop()

    def stop(self) -> None:
        """Send SIGTERM. The daemon finishes its current work and ends.

        Raises:
            CommandFailed: the daemon had ended before, or ended with an error.
        """
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._wait(("run",))
        elif self._process:
            raise CommandFailed("\n".join(["cdc-daemon run ended by itself:", *self._said]))

    def kill(self) -> None:
        """Kill the process if it still runs."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def runs(self) -> bool:
        """Whether the last started process still runs."""
        return self._process is not None and self._process.poll() is None

    def _start(self, *arguments: str) -> None:
        self._said.clear()
        self._ready.clear()
        self._process = subprocess.Popen(  # noqa: S603 # ourselves, with arguments of the demo
            [*self._command, *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # The demo handles Ctrl-C: it stops the workload first, then the daemon.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _wait(self, arguments: tuple[str, ...]) -> None:
        assert self._process is not None  # noqa: S101 # started by the caller
        assert self._reader is not None  # noqa: S101
        self._reader.join()
        if code := self._process.wait():
            what = f"cdc-daemon {' '.join(arguments)} ended with code {code}:"
            raise CommandFailed("\n".join([what, *self._said]))

    def _read(self, process: subprocess.Popen[str]) -> None:
        try:
            self._read_lines(process)
        except BaseException:
            # If nothing reads its output, the daemon would block for ever when it writes more.
            process.kill()
            raise
        finally:
            self._ready.set()  # release the waiting thread: the process has ended

    def _read_lines(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101 # it is a pipe
        for line in process.stdout:
            try:
                event = orjson.loads(line)
            except orjson.JSONDecodeError:
                self._said.append(line.rstrip())
                continue
            self._count(event)
            if event.get("level") in {"warning", "error", "critical"}:
                self._said.append(line.rstrip())

    def _count(self, event: dict[str, Any]) -> None:
        if event.get("event") == "pass_finished":
            counted = ("recomputed", "unchanged", "upserts", "deletes")
            found = Figures(
                passes=1, **{name: event[name] for name in counted}, lag_seconds=event["lag_seconds"]
            )
        elif event.get("event") == "batch_delivered":
            found = Figures(delivered=event["records"])
        else:
            self._note(event)
            return
        with self._lock:
            self._by_feed[event["feed"]] = self._by_feed.get(event["feed"], Figures()) + found

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("event") == "http_started":
            self._address = event["address"]
            self._served.set()
        elif event.get("event") == "daemon_started":
            self._unplanned = set(event["feeds"])
        elif event.get("event") == "feed_planned":
            self._unplanned.discard(event["feed"])
            if not self._unplanned:
                self._ready.set()
