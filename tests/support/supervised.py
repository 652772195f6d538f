"""Workers that do what a test says, a supervisor in a thread of its own, and what it logs."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from cdc_daemon import supervisor
from cdc_daemon.supervisor import Supervisor, WorkerGivenUp
from tests.support.logged import written_log

PATIENCE_SECONDS = 10.0


class Scripted:
    """A worker that does one thing after the other, a call of `run` each; then it works until stopped."""

    def __init__(self, *script: Callable[[Callable[[], None]], None], name: str = "scripted") -> None:
        self.name = name
        self.works = threading.Event()
        self._script = iter(script)

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        step = next(self._script, None)
        if step is not None:
            return step(heartbeat)
        heartbeat()
        self.works.set()
        stop.wait()
        return None


def failing(error: Exception) -> Callable[[Callable[[], None]], None]:
    def fail(_heartbeat: Callable[[], None]) -> None:
        raise error

    return fail


class Running:
    """A supervisor in a thread of its own, as the main thread would run it."""

    def __init__(self, made: Supervisor, drain_seconds: float, woken: threading.Event) -> None:
        self.supervisor = made
        self.leave = threading.Event()
        self.error: Exception | None = None
        self.unstopped: list[str] = []
        self._woken = woken
        self._drain_seconds = drain_seconds
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.unstopped = self.supervisor.run(
                self.leave, drain_seconds=lambda: self._drain_seconds, wake=self._woken.set
            )
        except WorkerGivenUp as error:
            self.error = error

    def end(self) -> None:
        self.leave.set()
        self.join()

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


@contextmanager
def running(
    *workers: supervisor.Worker,
    drain_seconds: float = PATIENCE_SECONDS,
    woken: threading.Event | None = None,
) -> Iterator[Running]:
    made = Supervisor(jitter=lambda: 0.0)
    for worker in workers:
        made.add(worker)
    run = Running(made, drain_seconds, woken or threading.Event())
    try:
        yield run
    finally:
        run.end()


@contextmanager
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged as JSON; the supervisor's pauses are short meanwhile."""
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 0.002)
    with written_log() as written:
        yield written


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def names(stream: io.StringIO) -> list[str]:
    return [event["event"] for event in events(stream)]
