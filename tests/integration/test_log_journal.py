"""What systemd's journal gets from the log, read back with journalctl."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import structlog

from cdc_daemon import log
from cdc_daemon.insight import log_search
from cdc_daemon.insight.log_search import Search
from tests.receivers import journald
from tests.receivers.journald import Journald
from tests.support.command import eventually
from tests.support.journal import configure_for_journal


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journald]:
    """A journal to which every level, a library and two large events were logged."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with journald.running() as running, (tmp_path_factory.mktemp("log") / "stdout").open("w+") as stream:
        configure_for_journal(stream, running.socket)
        logger = log.get_logger()
        logger.debug("pass_retried", feed="products", reason="a conflict")
        logger.info("pass_finished", feed="products", **{"pass": 7}, entries=3)
        logger.warning("sink_failed", sink="catalog", feed="orders", reason="three\nlines\nhere")
        logger.error("feed_stopped", feed="orders", reason="x" * 3_000_000)
        logger.warning("record_refused", sink="catalog", feed="products", key={"id": 1, "name": "a\nb"})
        logging.getLogger("a.library").warning("retrying %d", 3)
        eventually("all six are there", lambda: len(running.entries("SYSLOG_IDENTIFIER=cdc-daemon")) == 6)
        stream.seek(0)
        assert stream.read() == "", "the journal took everything, so nothing was written twice"
        yield running
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_a_level_is_the_priority_of_the_entry(journal: Journald) -> None:
    events = [entry["CDC_EVENT"] for entry in journal.entries("--priority=warning")]
    assert events == ["sink_failed", "feed_stopped", "record_refused", "library_logged"]


def test_entries_are_found_by_feed_and_sink_and_pass(journal: Journald) -> None:
    assert len(journal.entries("CDC_FEED=products")) == 3
    assert [entry["CDC_EVENT"] for entry in journal.entries("CDC_FEED=products", "CDC_PASS=7")] == [
        "pass_finished"
    ]
    assert len(journal.entries("CDC_SINK=catalog", "--priority=warning")) == 2


def test_the_message_is_the_whole_event_as_json(journal: Journald) -> None:
    [entry] = journal.entries("CDC_SINK=catalog", "CDC_FEED=orders")
    message = orjson.loads(entry["MESSAGE"])
    assert message["reason"] == "three\nlines\nhere"
    assert (message["event"], message["level"]) == ("sink_failed", "warning")


def test_a_key_is_searched_by_its_json(journal: Journald) -> None:
    [entry] = journal.entries('CDC_KEY={"id":1,"name":"a\\nb"}')
    assert entry["CDC_EVENT"] == "record_refused"


def test_an_event_larger_than_a_datagram_arrives(journal: Journald) -> None:
    assert [entry["PRIORITY"] for entry in journal.entries("CDC_EVENT=feed_stopped")] == ["3"]


def found(journal: Journald, **wanted: Any) -> list[Any]:
    search = Search(**wanted)
    events = log_search.in_journal(search, namespace=journal.namespace)
    return [event["event"] for event in events if search.finds(event)]


def test_logs_reads_the_journal(journal: Journald) -> None:
    assert found(journal, feed="products") == ["pass_retried", "pass_finished", "record_refused"]
    assert found(journal, feed="products", level="warning", key={"id": "1"}) == ["record_refused"]
    assert found(journal, events=("sink_failed", "feed_stopped")) == ["sink_failed", "feed_stopped"]
    assert found(journal, sink="nobody") == []
    assert found(journal, since=datetime.now(UTC) + timedelta(hours=1)) == []


def test_logs_follows_the_journal_until_it_is_closed(journal: Journald) -> None:
    events = log_search.in_journal(Search(sink="catalog"), namespace=journal.namespace, follow=True)
    assert [next(events)["event"], next(events)["event"]] == ["sink_failed", "record_refused"]
    events.close()
