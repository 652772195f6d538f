"""All that a round has: servers, daemons, feeds and targets; faults act upon it."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from tests.support.cluster import Node
from tests.support.command import FILE_SINK, Command, Running
from tests.support.grammar.schemas import SEARCH_PATH
from tests.torture.schemas import Case, Seeded
from tests.torture.sinks import Target, Undo

SILENCE_SECONDS = 2
_COMMAND_SECONDS = 300
"""Generous: on a machine that does other things, a command gets a small part of its time."""
_ATTEMPTS = 40
_DATABASE = f'search_path = "{SEARCH_PATH}"\nsilence_seconds = {SILENCE_SECONDS}\nconnect_timeout_seconds = 2'
_DAEMON = "drain_seconds = 5"


@dataclass
class World:
    """What faults act upon.

    Attributes:
        nodes: the server that takes writes, and its standby if there is one.
        held: what ends each of the faults that last, oldest first.
        said: what must not happen and did.
    """

    chance: Seeded
    case: Case
    command: Command
    nodes: list[Node]
    targets: list[Target]
    daemons: list[Running] = field(default_factory=list[Running])
    held: list[Undo] = field(default_factory=list[Undo])
    said: list[str] = field(default_factory=list[str])
    _clock: threading.Event = field(default_factory=threading.Event)

    def rest(self, least_ms: int, most_ms: int) -> None:
        """Let writers and daemons work for a while: the length of a fault is what is tried."""
        self._clock.wait(self.chance.number(least_ms, most_ms) / 1000)

    def configure(self) -> None:
        """Write the configuration with the feeds that the command has now."""
        sinks = FILE_SINK + "".join(target.section for target in self.targets)
        self.command.configure(sinks=sinks, database=_DATABASE, daemon=_DAEMON)

    def call(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end: its exit code, and what it said."""
        words = self.command.arguments(*arguments)
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as expired:
            said = b"".join(part for part in (expired.stdout, expired.stderr) if isinstance(part, bytes))
            return -1, f"did not end within {_COMMAND_SECONDS} s: {said[-1500:].decode(errors='replace')}"
        return done.returncode, done.stdout[-1500:] + done.stderr[-1500:]

    def call_until_done(self, *arguments: str) -> None:
        """Run a command until it succeeds: writers hold what it needs, and sinks come back by and by."""
        said, ends = "", time.monotonic() + _COMMAND_SECONDS
        while time.monotonic() < ends:
            code, said = self.call(*arguments)
            if code == 0:
                return
            self._clock.wait(0.3)
        self.said.append(f"`{' '.join(arguments)}` fails: {said}")

    def start_daemon(self) -> None:
        self.daemons.append(self.command.start())

    def keep_running(self) -> None:
        """See that there is a daemon, as a service manager does.

        Where a daemon finds nothing installed, an earlier fault had `install` fail: it is tried once more.
        """
        for daemon in list(self.daemons):
            code = daemon.process.poll()
            if code is None:
                continue
            self.daemons.remove(daemon)
            last = next((line for line in reversed(daemon.said) if line.strip()), "").strip()
            self.note(f"a daemon ended by itself with exit code {code}: {last[:400]}")
            self.call("install")
        if not self.daemons:
            self.start_daemon()

    def end_daemon(self, daemon: Running, number: signal.Signals) -> None:
        """End a daemon by a signal, also one that is frozen."""
        self.daemons.remove(daemon)
        if daemon.process.poll() is None:
            daemon.process.send_signal(number)
            daemon.process.send_signal(signal.SIGCONT)
            daemon.end(number) if number == signal.SIGKILL else daemon.process.wait(_COMMAND_SECONDS)

    def end_all_daemons(self, number: signal.Signals = signal.SIGTERM) -> None:
        for daemon in list(self.daemons):
            self.end_daemon(daemon, number)

    def note(self, what: str) -> None:
        """Write down when something was done, beside what the round delivered."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        with (self.command.folder / "faults.log").open("a", encoding="utf-8") as log:
            log.write(f"{moment} {what}\n")

    def execute(self, *statements: str) -> bool:
        """Execute statements in one transaction that waits briefly for locks, a few times if it must.

        Returns:
            False if it never went through, or cannot.
        """
        settings = f"SET search_path = {SEARCH_PATH}; SET lock_timeout = '200ms'"
        for _ in range(_ATTEMPTS):
            try:
                with psycopg.connect(self.command.dsn) as connection:
                    for statement in (settings, *statements):
                        connection.execute(statement.encode())
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                self._clock.wait(0.05)
            except psycopg.OperationalError:
                self._clock.wait(0.2)
            except psycopg.Error:
                return False
            else:
                return True
        return False

    def undo(self, most: int = 0) -> None:
        """End the oldest of the faults that last, until no more than `most` are left."""
        while len(self.held) > most:
            self.held.pop(0)()


Fault = Callable[[World], Undo | bool | None]
"""Makes a fault: True or what ends it, or a false value if there is none to make just now."""
