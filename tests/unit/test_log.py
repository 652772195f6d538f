"""The log: its shape, what it hides, and how it keeps quiet."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from cdc_daemon import log, redaction
from cdc_daemon.log import Throttle
from tests.support.journal import configure_for_journal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_time_level_and_bound_fields() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)
    log.get_logger(feed="products").info("pass_finished", entries=3, path=Path("/x"), text="a\nb")
    [line] = lines(stream)
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert moment.utcoffset() is not None
    assert line == {
        "level": "info",
        "event": "pass_finished",
        "feed": "products",
        "entries": 3,
        "path": "/x",
        "text": "a\nb",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(orjson.loads("[" * 300 + "]" * 300), "[" * 300 + "]" * 300), ("a half: \ud800", "a half: \\ud800")],
    ids=["nested deeply", "half a pair"],
)
def test_what_json_can_not_hold_is_written_as_its_text(value: object, text: str) -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)
    log.get_logger().warning("record_refused", key=value)
    [line] = lines(stream)
    assert (line["event"], line["key"]) == ("record_refused", text)


def test_a_logger_made_before_the_log_is_configured_follows_it() -> None:
    early, stream = log.get_logger(), io.StringIO()
    log.configure("info", "json", io.StringIO())
    early.info("daemon_started")
    log.configure("info", "json", stream)
    early.info("daemon_stopped")
    assert [line["event"] for line in lines(stream)] == ["daemon_stopped"]


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    log.configure("warning", "json", stream)
    log.get_logger().info("pass_finished")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("stream", "environ", "as_json"),
    [
        (Terminal(), {}, False),
        (io.StringIO(), {}, True),
        (Terminal(), {"JOURNAL_STREAM": "8:1"}, True),
        (Terminal(), {"INVOCATION_ID": "f00"}, True),
    ],
)
def test_a_person_at_a_terminal_gets_text_and_everybody_else_json(
    stream: io.StringIO, environ: dict[str, str], as_json: bool
) -> None:
    log.configure("info", "auto", stream, environ=environ)
    log.get_logger().info("daemon_started")
    assert stream.getvalue().startswith("{") is as_json


def connect() -> None:
    raise ValueError("can't connect to postgresql://u:pa55@h/db with t0ken-of-sink")


@pytest.mark.parametrize("format_", ["json", "console"])
def test_no_secret_is_written_wherever_it_stands(format_: log.Format) -> None:
    stream = io.StringIO()
    redaction.know(["t0ken-of-sink", "b"])
    log.configure("info", format_, stream)
    logger = log.get_logger(bound="postgresql://u:pa55@h/db")
    try:
        connect()
    except ValueError as error:
        logger.exception(
            "worker_failed", reason="password='pa55' host=h", error=error, deep={"a": ["t0ken-of-sink!"]}
        )
    logging.getLogger("library").warning("refused %s", "postgresql://u:pa55@h/db")
    text = stream.getvalue()
    assert "pa55" not in text
    assert "t0ken" not in text
    assert "u:***@h/db" in text
    assert "bound" in text, "a short secret does not tear words apart"


def test_a_librarys_warning_is_an_event_and_its_chatter_is_not() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)
    logging.getLogger("urllib3").info("connected")
    logging.getLogger("urllib3").warning("retrying %d", 3)
    [line] = lines(stream)
    assert (line["event"], line["logger"], line["message"]) == ("library_logged", "urllib3", "retrying 3")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_same_failure_is_told_once_in_a_while_with_the_number_left_out() -> None:
    clock, told = Clock(), list[dict[str, object]]()
    throttle = Throttle(60, clock)

    def write(event: str, **fields: object) -> None:
        told.append({"event": event, **fields})

    for _ in range(4):
        throttle.log(write, "sink_failed", about="a", reason="down")
    clock.now += 61
    throttle.log(write, "sink_failed", about="a", reason="down")
    clock.now += 61
    throttle.log(write, "sink_failed", about="a", reason="down")
    failed = {"event": "sink_failed", "reason": "down"}
    assert told == [failed, {**failed, "repeated": 3}, failed]


def test_another_failure_and_one_after_a_recovery_are_told_at_once() -> None:
    throttle, told = Throttle(60, Clock()), list[str]()

    def write(event: str, **_: object) -> None:
        told.append(event)

    assert throttle.log(write, "sink_failed", about="a")
    assert throttle.log(write, "sink_failed", about="b")
    assert throttle.log(write, "database_lost", about="a")
    assert not throttle.log(write, "sink_failed", about="a")
    throttle.reset("sink_failed", about="a")
    assert throttle.log(write, "sink_failed", about="a")
    assert len(told) == 4


def test_without_the_journals_socket_lines_begin_with_their_priority(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        configure_for_journal(stream, str(tmp_path / "no socket"))
        logger = log.get_logger()
        logger.debug("pass_retried")
        logger.info("pass_finished")
        logger.warning("sink_failed")
        logger.error("feed_stopped")
        logging.getLogger("a.library").warning("three\nlines\nhere")
        stream.seek(0)
        written = stream.read().splitlines()

    assert [line[:3] for line in written] == ["<7>", "<6>", "<4>", "<3>", "<4>"]
    assert all(orjson.loads(line[3:])["event"] for line in written)


def test_a_stream_that_is_not_the_journals_gets_no_priorities(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as stream:
        log.configure("info", "json", stream, environ={"JOURNAL_STREAM": "8:1"})
        log.get_logger().info("daemon_started")
        stream.seek(0)
        assert stream.read().startswith("{")
