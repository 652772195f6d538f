"""`cdc-daemon dashboard`, which is no daemon, tells the log of daemons: from a journal, or from a file."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from cdc_daemon import log
from tests.receivers import journald
from tests.support.command import Command, eventually
from tests.support.journal import configure_for_journal

Say = Callable[..., None]
"""Logs an event as a daemon."""

Told = Callable[[str], dict[str, Any]]
"""Asks the page's JSON twin with this query."""


@pytest.fixture
def logs_of_a_daemon() -> Iterator[None]:
    """Whatever a test does with the log of this process ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@contextmanager
def _served(database: str, folder: Path, *arguments: str) -> Generator[str]:
    command = Command(folder, database, {})
    running = command.start("dashboard", "--listen", "127.0.0.1:0", *arguments)
    try:
        eventually("it tells its address", lambda: "The dashboard is at" in running.text())
        yield running.text().partition("The dashboard is at ")[2].split()[0]
        assert running.end() == 0
    finally:
        command.close()


def _told(url: str, query: str = "") -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}api/v1/logs{query}") as answer:  # noqa: S310 # of the test itself
        found: dict[str, Any] = json.load(answer)
    return found


def _events(url: str, query: str = "") -> list[str]:
    return [line["event"] for line in _told(url, query)["lines"]]


def _assert_that_an_open_page_follows(url: str, say: Say, query: str = "") -> None:
    """The stream of an open page sends an event that is logged while it is open."""
    with urllib.request.urlopen(f"{url}live/logs{query}", timeout=30) as stream:  # noqa: S310 # of the test itself
        lines = iter(stream.readline, b"")
        next(line for line in lines if b"sink_failed" in line)
        say("sink_recovered", sink="catalog", feed="products")
        next(line for line in lines if b"sink_recovered" in line)


@pytest.mark.usefixtures("logs_of_a_daemon")
def test_the_page_follows_the_journal_of_the_daemons(database: str, tmp_path: Path) -> None:
    with journald.running() as journal, (tmp_path / "stdout").open("w+") as stream:
        configure_for_journal(stream, journal.socket)
        say = log.get_logger()
        say.info("pass_finished", feed="products", **{"pass": 7}, entries=3)
        say.warning("sink_failed", sink="catalog", feed="products", reason="is down")
        eventually("both are there", lambda: len(journal.entries("SYSLOG_IDENTIFIER=cdc-daemon")) == 2)
        with _served(database, tmp_path, "--log-namespace", journal.namespace) as url:
            assert _told(url)["source"] == "journal"
            assert _events(url) == ["sink_failed", "pass_finished"], "the newest first"
            assert _events(url, "?level=warning") == ["sink_failed"]
            assert _events(url, "?feed=products&pass_number=7") == ["pass_finished"]
            _assert_that_an_open_page_follows(url, say.info, "?sink=catalog")


@pytest.mark.usefixtures("logs_of_a_daemon")
def test_the_page_follows_a_file_and_reads_no_more_than_its_end(database: str, tmp_path: Path) -> None:
    path = tmp_path / "daemon.log"
    with path.open("a", buffering=1) as file:
        log.configure("info", "json", file)
        say = log.get_logger()
        say.info("feed_planned", feed="orders", tables=1, routes=["x" * (4 << 20)])
        say.info("pass_finished", feed="products", **{"pass": 7}, entries=3)
        say.warning("sink_failed", sink="catalog", feed="products", reason="is down")
        with _served(database, tmp_path, "--log-file", str(path)) as url:
            assert _told(url)["source"] == "file"
            assert _events(url) == ["sink_failed", "pass_finished"]
            assert _events(url, "?sink=catalog") == ["sink_failed"]
            _assert_that_an_open_page_follows(url, say.info)
            path.unlink()
            assert (_told(url)["source"], _events(url)) == ("none", [])
            assert str(path) in _told(url)["failure"]
