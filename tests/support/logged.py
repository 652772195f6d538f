"""What the daemon logs within a test."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest
import structlog

from cdc_daemon import log


@contextmanager
def log_as_before() -> Iterator[None]:
    """Whatever sets the log up meanwhile: afterwards it is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@contextmanager
def written_log() -> Iterator[io.StringIO]:
    """What is logged meanwhile, as JSON."""
    with log_as_before():
        written = io.StringIO()
        log.configure("info", "json", written)
        yield written


@pytest.fixture(autouse=True)
def told() -> Iterator[io.StringIO]:
    with written_log() as written:
        yield written


def events(told: io.StringIO) -> list[str]:
    return [str(orjson.loads(line)["event"]) for line in told.getvalue().splitlines()]
