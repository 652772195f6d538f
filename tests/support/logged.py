"""What the daemon logs within a test."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from cdc_daemon import log


@pytest.fixture(autouse=True)
def told() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    log.configure("info", "json", written)
    yield written
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def events(told: io.StringIO) -> list[str]:
    return [str(orjson.loads(line)["event"]) for line in told.getvalue().splitlines()]
