"""Tests the connection to a sink, step by step, with the time of each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from cdc_daemon.sinks.sink import ProbeStep, Sink


@dataclass(frozen=True)
class TimedStep:
    """A step of a probe, and its duration."""

    step: ProbeStep
    seconds: float


def timed_probe(open_sink: Callable[[], Sink], feed: str) -> Iterator[TimedStep]:
    """Yield each step of the test of a sink for a feed. It changes nothing at the target."""
    with closing(open_sink()) as sink:
        started = time.monotonic()
        for step in sink.probe(feed):
            yield TimedStep(step, time.monotonic() - started)
            started = time.monotonic()
