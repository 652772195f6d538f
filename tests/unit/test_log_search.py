"""`cdc-daemon logs`: which events of a log it finds, and how it shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from cdc_daemon.cli import main
from cdc_daemon.events import EVENTS as EVENT_TEXTS
from cdc_daemon.insight import log_search
from cdc_daemon.insight.log_search import Search

EVENTS: list[dict[str, Any]] = [
    {
        "timestamp": "2026-11-30T12:00:00Z",
        "level": "info",
        "event": "pass_finished",
        "feed": "products",
        "pass": 7,
    },
    {"timestamp": "2026-11-30T12:00:01Z", "level": "debug", "event": "pass_retried", "feed": "orders"},
    {
        "timestamp": "2026-11-30T12:00:02Z",
        "level": "warning",
        "event": "record_refused",
        "feed": "products",
        "sink": "catalog",
        "batch": "b1",
        "key": {"sku": "A-1", "id": 5},
    },
    {"timestamp": "2026-11-30T12:00:03Z", "level": "error", "event": "feed_stopped", "feed": "orders"},
    {"timestamp": "2026-11-30T12:00:04Z", "level": "warning", "event": "entity_failed", "entity": {"id": 5}},
]


def log(folder: Path, events: Iterable[object] = EVENTS) -> Path:
    path = folder / "daemon.log"
    path.write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in events))
    return path


def logs(*arguments: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["logs", *arguments], input=given)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], [0, 1, 2, 3, 4]),
        (["--feed", "products"], [0, 2]),
        (["--sink", "catalog"], [2]),
        (["--event", "feed_stopped", "--event", "pass_retried"], [1, 3]),
        (["--level", "warning"], [2, 3, 4]),
        (["--key", "id=5"], [2, 4]),
        (["--key", "id=5", "--key", "sku=A-1"], [2]),
        (["--key", "sku=A"], []),
        (["--feed", "products", "--pass", "7"], [0]),
        (["--batch", "b1"], [2]),
        (["--since", "2026-11-30T12:00:03Z"], [3, 4]),
    ],
)
def test_only_events_that_have_all_that_is_asked_for_are_shown(
    tmp_path: Path, arguments: list[str], found: list[int]
) -> None:
    result = logs("--json", "--file", str(log(tmp_path)), *arguments)
    assert result.exit_code == 0, result.output
    assert [orjson.loads(line) for line in result.output.splitlines()] == [EVENTS[each] for each in found]


def test_standard_input_is_read_and_its_priorities_are_taken_off() -> None:
    result = logs("--json", "--file", "-", given=b'<4>{"level":"warning","event":"sink_failed"}\n')
    assert orjson.loads(result.output) == {"level": "warning", "event": "sink_failed"}


def test_people_get_a_line_with_the_time_the_level_the_event_and_its_fields(tmp_path: Path) -> None:
    [line] = logs("--file", str(log(tmp_path)), "--sink", "catalog").output.splitlines()
    assert line.startswith("2026-11-30T12:00:02Z [warning  ] record_refused")
    assert line.endswith("""feed=products sink=catalog batch=b1 key='{"sku":"A-1","id":5}'""")


def test_a_traceback_among_the_events_is_shown_as_it_is_and_never_left_out_as_harmless(
    tmp_path: Path,
) -> None:
    path = log(tmp_path)
    with path.open("a") as file:
        file.write("Traceback (most recent call last):\n")
    lines = logs("--file", str(path), "--level", "error").output.splitlines()
    assert lines[-1] == "Traceback (most recent call last):"
    assert len(lines) == 2


def test_what_a_receiver_said_can_not_act_on_the_terminal(tmp_path: Path) -> None:
    path = log(tmp_path, [{"event": "sink_failed", "reason": "\x1b]0;owned\x07", "key": {"a": "\x1b[2J"}}])
    for arguments in ([], ["--json"]):
        assert "\x1b" not in logs("--file", str(path), *arguments).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--event", "sink_fialed"], "Did you mean 'sink_failed'?"),
        (["--since", "yesterday"], "neither like 10m, 2h, 3d nor a time"),
        (["--key", "5"], "is not COLUMN=VALUE"),
        (["--pass", "3"], "--pass needs --feed"),
        (["--file", "/nowhere/daemon.log"], "can't be read: No such file or directory"),
    ],
)
def test_a_wrong_argument_gets_a_message(arguments: list[str], message: str) -> None:
    result = logs(*arguments)
    assert result.exit_code != 0
    assert message in result.output


def test_a_machine_without_systemd_is_told_to_name_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = logs()
    assert (result.exit_code, "name a file with --file" in result.output) == (1, True)


def test_times_are_counted_back_or_read_by_iso_8601() -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert log_search.moment("90m", now=now) == datetime(2026, 11, 30, 10, 30, tzinfo=UTC)
    assert log_search.moment("3d", now=now) == datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert log_search.moment("2026-11-30 11:00") == datetime(2026, 11, 30, 11, tzinfo=UTC)


def test_an_event_is_explained_with_its_meaning_what_to_do_and_its_fields() -> None:
    shown = logs("explain", "record_parked").output
    event = EVENT_TEXTS["record_parked"]
    assert shown.splitlines() == [
        "record_parked",
        "",
        event.meaning,
        "",
        event.advice,
        "",
        f"Fields: {', '.join(event.fields)}",
    ]


class Ended(Exception):
    """The test has seen enough."""


def test_a_followed_file_is_read_on_also_after_it_was_replaced(tmp_path: Path) -> None:
    path = log(tmp_path, [{"event": "one"}])

    def write(line: bytes) -> Callable[[], object]:
        def append() -> None:
            with path.open("ab") as file:
                file.write(line)

        return append

    def replace() -> None:
        path.rename(tmp_path / "daemon.log.1")
        log(tmp_path, [{"event": "four"}])

    steps = [write(b'{"event":"two"}\n{"ev'), write(b'ent":"three"}\n'), replace]

    def pause(_seconds: float) -> None:
        if not steps:
            raise Ended
        steps.pop(0)()

    found: list[str] = []
    with pytest.raises(Ended):
        found.extend(event["event"] for event in log_search.in_file(path, follow=True, pause=pause))
    assert found == ["one", "two", "three", "four"]


def test_the_journal_is_asked_for_what_its_own_fields_can_tell() -> None:
    search = Search(feed="products", pass_number=7, events=["a", "b"], level="warning")
    assert search.matches == ["CDC_FEED=products", "CDC_PASS=7", "CDC_EVENT=a", "CDC_EVENT=b"]
